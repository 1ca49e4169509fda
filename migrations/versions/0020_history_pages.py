"""history_pages

Deliveries that were not delivered have an index of their own, which leads from a state to the newest
events.  It replaces the index of all deliveries by state, which every delivered one was in, too.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
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


def downgrade() -> None:
    op.create_index("ix_delivery_state_id", "delivery", ["state", "id"])
    op.drop_index("ix_delivery_unfinished", "delivery")
