"""what a successful attempt left out"""

import sqlalchemy as sa
from alembic import op

from relay.models.base import JsonOrNull

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

INDEX = "ix_attempt_started_at_with_notes"


def upgrade() -> None:
    op.add_column("attempt", sa.Column("notes", JsonOrNull, nullable=True))
    op.create_index(
        INDEX,
        "attempt",
        ["started_at"],
        postgresql_where=sa.text("notes IS NOT NULL"),
        sqlite_where=sa.text("notes IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index(INDEX, "attempt")
    op.drop_column("attempt", "notes")
