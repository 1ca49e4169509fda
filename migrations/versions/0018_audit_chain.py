"""audit chain"""

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled by the changes that follow."""


def downgrade() -> None:
    """Nothing to undo yet."""
