"""what a session shows on its next page and no later one"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("user_session", sa.Column("once_sha256", sa.String(64)))


def downgrade() -> None:
    op.drop_column("user_session", "once_sha256")
