"""time at which a destination was last fixed"""

import sqlalchemy as sa
from alembic import op

from relay.models.base import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("destination") as batch:
        batch.add_column(sa.Column("mended_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("destination") as batch:
        batch.drop_column("mended_at")
