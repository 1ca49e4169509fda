"""index deliveries during which a worker crashed"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SUSPECT = sa.text("state = 'pending' AND starts > 0")


def upgrade() -> None:
    op.create_index(
        "ix_delivery_suspect",
        "delivery",
        ["destination_id"],
        postgresql_where=SUSPECT,
        sqlite_where=SUSPECT,
    )


def downgrade() -> None:
    op.drop_index("ix_delivery_suspect", "delivery")
