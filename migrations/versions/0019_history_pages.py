"""history_pages

Deliveries that were not delivered have an index of their own, which leads from a state to the newest
events.  It replaces the index of all deliveries by state, which every delivered one was in, too.
The ledger keeps what it counted of an hour or a day.  An event id is looked up for each source, by the
index that keeps it unique there, so it needs no index of its own.
"""

import sqlalchemy as sa
from alembic import op

from relay.models.base import BigId, Json, UtcDateTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

NOT_DELIVERED = sa.text("state <> 'delivered'")


def upgrade() -> None:
    op.create_index(
        "ix_delivery_unfinished",
        "delivery",
        ["state", "event_pk"],
        postgresql_where=NOT_DELIVERED,
        sqlite_where=NOT_DELIVERED,
    )
    op.drop_index("ix_delivery_state_id", "delivery")
    op.create_table(
        "ledger_part",
        sa.Column("source_id", BigId, nullable=False, autoincrement=False),
        sa.Column("begin", UtcDateTime, nullable=False),
        sa.Column("until", UtcDateTime, nullable=False),
        sa.Column("lines", Json, nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name="fk_ledger_part_source_id"),
        sa.PrimaryKeyConstraint("source_id", "begin", name="pk_ledger_part"),
    )
    op.create_index("ix_ledger_part_begin", "ledger_part", ["begin"])
    op.drop_index("ix_event_event_id", "event")


def downgrade() -> None:
    op.create_index("ix_event_event_id", "event", ["event_id"])
    op.drop_table("ledger_part")
    op.create_index("ix_delivery_state_id", "delivery", ["state", "id"])
    op.drop_index("ix_delivery_unfinished", "delivery")
