"""what a destination's retry settings say about an HTTP status"""

import sqlalchemy as sa
from alembic import op

from relay.models.base import Json

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("destination", sa.Column("on_status", Json, nullable=True))


def downgrade() -> None:
    op.drop_column("destination", "on_status")
