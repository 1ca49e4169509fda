"""counts for charts, the check of a destination's credentials, settings of the installation"""

import sqlalchemy as sa
from alembic import op

from relay.models.base import BigId, Json, UtcDateTime, db_now

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

BUCKETS = (10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, "more")


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, server_default="0")


def _counts(table: str, owner: str, *numbers: str) -> None:
    op.create_table(
        table,
        sa.Column(f"{owner}_id", BigId, nullable=False, autoincrement=False),
        sa.Column("span_s", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("begin", UtcDateTime, nullable=False),
        *(_number(name) for name in numbers),
        sa.ForeignKeyConstraint(
            [f"{owner}_id"], [f"{owner}.id"], name=f"fk_{table}_{owner}_id_{owner}"
        ),
        sa.PrimaryKeyConstraint(f"{owner}_id", "span_s", "begin", name=f"pk_{table}"),
    )
    op.create_index(f"ix_{table}_span_s_begin", table, ["span_s", "begin"])


def upgrade() -> None:
    _counts("site_traffic", "source", "received", "delivered", "failed")
    _counts(
        "destination_traffic",
        "destination",
        *("delivered", "failed", "attempts", "accepted"),
        *(f"ms_{bound}" for bound in BUCKETS),
    )
    op.create_table(
        "destination_hold",
        sa.Column("id", BigId, nullable=False),
        sa.Column("destination_id", BigId, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("began_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime, nullable=True),
        sa.ForeignKeyConstraint(
            ["destination_id"],
            ["destination.id"],
            name="fk_destination_hold_destination_id_destination",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_destination_hold"),
    )
    op.create_index(
        "uq_destination_hold_open",
        "destination_hold",
        ["destination_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_destination_hold_destination_id_began_at",
        "destination_hold",
        ["destination_id", "began_at"],
    )
    op.create_table(
        "setting",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", Json, nullable=False),
        sa.Column("changed_by", sa.String(254), nullable=False, server_default=""),
        sa.Column("changed_at", UtcDateTime, nullable=False, server_default=db_now()),
        sa.PrimaryKeyConstraint("name", name="pk_setting"),
    )
    op.add_column(
        "destination",
        sa.Column("access_state", sa.String(16), nullable=False, server_default=""),
    )
    op.add_column(
        "destination", sa.Column("access_text", sa.Text(), nullable=False, server_default="")
    )
    op.add_column("destination", sa.Column("access_checked_at", UtcDateTime, nullable=True))


def downgrade() -> None:
    for column in ("access_checked_at", "access_text", "access_state"):
        op.drop_column("destination", column)
    for table in ("setting", "destination_hold", "destination_traffic", "site_traffic"):
        op.drop_table(table)
