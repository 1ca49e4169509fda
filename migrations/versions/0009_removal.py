"""when and by whom a destination or a site was removed"""

import sqlalchemy as sa
from alembic import op

from relay.models.base import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("destination", "source"):
        op.add_column(table, sa.Column("removed_at", UtcDateTime(), nullable=True))
        op.add_column(table, sa.Column("removed_by", sa.String(length=254), nullable=True))


def downgrade() -> None:
    for table in ("source", "destination"):
        op.drop_column(table, "removed_by")
        op.drop_column(table, "removed_at")
