"""lanes: a second process sends a busy destination's deliveries"""

import sqlalchemy as sa
from alembic import op

from relay.models.base import UtcDateTime

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("destination", sa.Column("lane_lead", sa.String(32), nullable=True))
    op.add_column("destination", sa.Column("lane_token", sa.String(32), nullable=True))
    op.add_column("destination", sa.Column("lane_until", UtcDateTime(), nullable=True))
    op.add_column("destination", sa.Column("lane_share", sa.Integer(), nullable=True))


def downgrade() -> None:
    for name in ("lane_share", "lane_until", "lane_token", "lane_lead"):
        op.drop_column("destination", name)
