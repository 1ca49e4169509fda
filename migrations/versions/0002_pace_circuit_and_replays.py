"""rate limit, circuit, retry schedule and version of destinations; causes of dead letters; replays"""

import sqlalchemy as sa
from alembic import op

from relay.models.base import BigId, Json, UtcDateTime, db_now

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

PENDING = sa.text("state = 'pending'")
OPEN_REPLAY = sa.text("ended_at IS NULL")
REPLAYED = sa.text("replay_id IS NOT NULL")


def due_index(*columns: str) -> None:
    op.create_index(
        "ix_delivery_due",
        "delivery",
        ["destination_id", *columns],
        postgresql_where=PENDING,
        sqlite_where=PENDING,
    )


def upgrade() -> None:
    op.drop_index("ix_replay_delivery_id", "replay")
    op.drop_table("replay")
    op.create_table(
        "replay",
        sa.Column("id", BigId, nullable=False),
        sa.Column("token", sa.String(length=40), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.String(length=254), nullable=False),
        sa.Column("mapping", sa.String(length=8), server_default="current", nullable=False),
        sa.Column("state", sa.String(length=16), server_default="running", nullable=False),
        sa.Column("total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("delivered", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("withdrawn", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("mapping IN ('current', 'original')", name=op.f("ck_replay_mapping")),
        sa.CheckConstraint(
            "state IN ('running', 'paused', 'cancelled', 'done')", name=op.f("ck_replay_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replay")),
        sa.UniqueConstraint("token", name=op.f("uq_replay_token")),
    )
    op.create_index(
        "ix_replay_open",
        "replay",
        ["id"],
        postgresql_where=OPEN_REPLAY,
        sqlite_where=OPEN_REPLAY,
    )

    with op.batch_alter_table("destination") as batch:
        batch.add_column(sa.Column("rate_count", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("rate_unit", sa.String(length=8), nullable=True))
        batch.add_column(sa.Column("paced_until", UtcDateTime(), nullable=True))
        batch.add_column(sa.Column("retry_waits", Json, nullable=True))
        batch.add_column(
            sa.Column("circuit", sa.String(length=8), server_default="closed", nullable=False)
        )
        batch.add_column(sa.Column("circuit_since", UtcDateTime(), nullable=True))
        batch.add_column(sa.Column("circuit_until", UtcDateTime(), nullable=True))
        batch.add_column(sa.Column("circuit_reason", sa.Text(), server_default="", nullable=False))
        batch.add_column(sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
        batch.add_column(sa.Column("openings", sa.Integer(), server_default="0", nullable=False))
        batch.add_column(sa.Column("version", sa.Integer(), server_default="1", nullable=False))
        batch.create_check_constraint(
            op.f("ck_destination_circuit"), "circuit IN ('closed', 'open', 'probing')"
        )
        batch.create_check_constraint(
            op.f("ck_destination_rate"),
            "(rate_count IS NULL AND rate_unit IS NULL) OR "
            "(rate_count > 0 AND rate_unit IN ('second', 'minute', 'hour'))",
        )
    op.create_table(
        "destination_version",
        sa.Column("id", BigId, nullable=False),
        sa.Column("destination_id", BigId, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("config", Json, nullable=False),
        sa.Column("made_by", sa.String(length=254), nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["destination_id"],
            ["destination.id"],
            name=op.f("fk_destination_version_destination_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destination_version")),
        sa.UniqueConstraint(
            "destination_id", "number", name=op.f("uq_destination_version_destination_id_number")
        ),
    )
    op.execute(
        "INSERT INTO destination_version (destination_id, number, config, made_by) "
        "SELECT id, 1, config, 'relay' FROM destination"
    )

    op.drop_index("ix_delivery_due", "delivery")
    with op.batch_alter_table("delivery") as batch:
        batch.add_column(
            sa.Column("priority", sa.SmallInteger(), server_default="0", nullable=False)
        )
        batch.add_column(sa.Column("version", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("pinned_version", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("replay_id", BigId, nullable=True))
        batch.add_column(sa.Column("revived_from", sa.String(length=16), nullable=True))
        batch.create_foreign_key(op.f("fk_delivery_replay_id"), "replay", ["replay_id"], ["id"])
    due_index("priority", "due_at")
    op.create_index(
        "ix_delivery_replay_id_state",
        "delivery",
        ["replay_id", "state"],
        postgresql_where=REPLAYED,
        sqlite_where=REPLAYED,
    )
    op.execute("UPDATE delivery SET version = 1 WHERE attempts > 0")

    with op.batch_alter_table("attempt") as batch:
        batch.drop_constraint(op.f("ck_attempt_outcome"), type_="check")
        batch.create_check_constraint(
            op.f("ck_attempt_outcome"),
            "outcome IN ('accepted', 'failed', 'refused', 'held', 'lost')",
        )

    with op.batch_alter_table("dead_letter") as batch:
        batch.add_column(
            sa.Column("field", sa.String(length=120), server_default="", nullable=False)
        )
        batch.add_column(sa.Column("owner", sa.String(length=254), nullable=True))
        batch.add_column(sa.Column("note", sa.Text(), server_default="", nullable=False))
        batch.add_column(sa.Column("resolution", sa.String(length=16), nullable=True))
        batch.add_column(sa.Column("reason", sa.Text(), server_default="", nullable=False))
    op.execute(
        "UPDATE dead_letter SET resolution = CASE WHEN (SELECT delivery.state FROM delivery "
        "WHERE delivery.id = dead_letter.delivery_id) = 'discarded' THEN 'discarded' "
        "ELSE 'replayed' END WHERE state = 'resolved'"
    )
    with op.batch_alter_table("dead_letter") as batch:
        batch.create_check_constraint(
            op.f("ck_dead_letter_resolution"),
            "(state = 'resolved') = (resolution IS NOT NULL) "
            "AND (resolution IS NULL OR resolution IN ('replayed', 'discarded'))",
        )


def downgrade() -> None:
    with op.batch_alter_table("dead_letter") as batch:
        batch.drop_constraint(op.f("ck_dead_letter_resolution"), type_="check")
        for name in ("reason", "resolution", "note", "owner", "field"):
            batch.drop_column(name)
    op.execute("UPDATE attempt SET outcome = 'failed' WHERE outcome = 'held'")
    with op.batch_alter_table("attempt") as batch:
        batch.drop_constraint(op.f("ck_attempt_outcome"), type_="check")
        batch.create_check_constraint(
            op.f("ck_attempt_outcome"), "outcome IN ('accepted', 'failed', 'refused', 'lost')"
        )
    op.drop_index("ix_delivery_replay_id_state", "delivery")
    op.drop_index("ix_delivery_due", "delivery")
    with op.batch_alter_table("delivery") as batch:
        batch.drop_constraint(op.f("fk_delivery_replay_id"), type_="foreignkey")
        for name in ("revived_from", "replay_id", "pinned_version", "version", "priority"):
            batch.drop_column(name)
    due_index("due_at")
    op.drop_table("destination_version")
    with op.batch_alter_table("destination") as batch:
        batch.drop_constraint(op.f("ck_destination_rate"), type_="check")
        batch.drop_constraint(op.f("ck_destination_circuit"), type_="check")
        for name in (
            *("version", "openings", "failures", "circuit_reason", "circuit_until"),
            *("circuit_since", "circuit", "retry_waits", "paced_until", "rate_unit", "rate_count"),
        ):
            batch.drop_column(name)
    op.drop_index("ix_replay_open", "replay")
    op.drop_table("replay")
    op.create_table(
        "replay",
        sa.Column("id", BigId, nullable=False),
        sa.Column("requested_by", sa.String(length=254), nullable=False),
        sa.Column("delivery_id", BigId, nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("fk_replay_delivery_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replay")),
    )
    op.create_index("ix_replay_delivery_id", "replay", ["delivery_id"])
