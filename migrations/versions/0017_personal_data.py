"""personal data"""

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled by the changes that follow."""


def downgrade() -> None:
    """Nothing to undo yet."""
