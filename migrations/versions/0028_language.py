"""the language of a person's pages"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "user_account",
        sa.Column("language", sa.String(8), nullable=False, server_default=""),
    )


def downgrade() -> None:
    op.drop_column("user_account", "language")
