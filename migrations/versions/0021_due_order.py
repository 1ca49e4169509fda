"""due_order

The index of what is due has the id, too: it then has exactly the order in which deliveries are claimed, so
a claim of 200 reads 200 of them and not the whole backlog of a destination.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    replace_index("destination_id", "priority", "due_at", "id")


def downgrade() -> None:
    replace_index("destination_id", "priority", "due_at")


def replace_index(*columns: str) -> None:
    op.drop_index("ix_delivery_due", "delivery")
    op.create_index(
        "ix_delivery_due",
        "delivery",
        list(columns),
        postgresql_where=PENDING,
        sqlite_where=PENDING,
    )
