"""counts of the ledger, reports of sites, alerts"""

import sqlalchemy as sa
from alembic import op

from relay.models.base import BigId, Json, UtcDateTime, db_now

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OPEN_ALERT = sa.text("resolved_at IS NULL")


def count(name: str) -> sa.Column[int]:
    return sa.Column(name, BigId, server_default="0", nullable=False)


def book(table: str, *columns: sa.Column[object], key: tuple[str, ...]) -> None:
    """A table of counts by source, day and the columns of ``key``."""
    fks = [
        sa.ForeignKeyConstraint([f"{one}_id"], [f"{one}.id"], name=op.f(f"fk_{table}_{one}_id"))
        for one in ("source", "destination")
        if f"{one}_id" in key
    ]
    op.create_table(
        table,
        sa.Column("source_id", BigId, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        *columns,
        *fks,
        sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{table}")),
    )
    op.create_index(f"ix_{table}_day", table, ["day"])


def upgrade() -> None:
    event_type = ("source_id", "day", "event_type")
    book(
        "intake",
        sa.Column("event_type", sa.String(length=64), nullable=False),
        sa.Column("lane", sa.SmallInteger(), autoincrement=False, nullable=False),
        count("received"),
        count("duplicates"),
        key=(*event_type, "lane"),
    )
    book(
        "booked_events",
        sa.Column("event_type", sa.String(length=64), nullable=False),
        count("events"),
        count("unwanted"),
        count("wanted"),
        key=event_type,
    )
    book(
        "booked_deliveries",
        sa.Column("event_type", sa.String(length=64), nullable=False),
        sa.Column("destination_id", BigId, nullable=False),
        count("delivered"),
        count("dead"),
        count("discarded"),
        key=(*event_type, "destination_id"),
    )
    book("booked_refusals", count("refused"), key=("source_id", "day"))
    op.create_table(
        "ledger_check",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("checked_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("gaps", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_ledger_check")),
    )
    op.create_table(
        "site_report",
        sa.Column("id", BigId, nullable=False),
        sa.Column("event_pk", BigId, nullable=False),
        sa.Column("source_id", BigId, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.Column("counts", Json, nullable=False),
        sa.Column("plugin", sa.String(length=40), nullable=False),
        sa.Column("taken_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_site_report_source_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_report")),
        sa.UniqueConstraint("event_pk", name=op.f("uq_site_report_event_pk")),
    )
    op.create_index("ix_site_report_source_id_day", "site_report", ["source_id", "day"])
    op.create_table(
        "alert",
        sa.Column("id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("advice", sa.Text(), nullable=False),
        sa.Column("path", sa.String(length=300), server_default="", nullable=False),
        sa.Column("opened_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.Column("acknowledged_at", UtcDateTime(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=254), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "(acknowledged_by IS NULL) = (acknowledged_at IS NULL)",
            name=op.f("ck_alert_acknowledged"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    op.create_index(
        "uq_alert_open",
        "alert",
        ["kind", "subject"],
        unique=True,
        postgresql_where=OPEN_ALERT,
        sqlite_where=OPEN_ALERT,
    )
    op.create_index("ix_alert_opened_at", "alert", ["opened_at"])

    op.add_column("event", sa.Column("wanted", sa.SmallInteger(), nullable=True))
    op.execute(
        "UPDATE event SET wanted = (SELECT count(*) FROM delivery "
        "WHERE delivery.event_pk = event.id) WHERE routed_at IS NOT NULL"
    )
    # ingest did not count before: the stored events are the best estimate
    postgresql = op.get_bind().dialect.name == "postgresql"
    day = "CAST(received_at AT TIME ZONE 'UTC' AS date)" if postgresql else "date(received_at)"
    op.execute(
        "INSERT INTO intake (source_id, day, event_type, lane, received) "
        f"SELECT source_id, {day}, event_type, 0, count(*) FROM event "
        f"GROUP BY source_id, {day}, event_type"
    )


def downgrade() -> None:
    with op.batch_alter_table("event") as batch:
        batch.drop_column("wanted")
    for table in (
        *("alert", "site_report", "ledger_check", "booked_refusals", "booked_deliveries"),
        *("booked_events", "intake"),
    ):
        op.drop_table(table)
