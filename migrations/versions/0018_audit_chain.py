"""the chain of the audit log"""

import sqlalchemy as sa
from alembic import op

from relay.models.base import BigId

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Existing entries keep no number: the first new entry has one hash of them all."""
    op.add_column("audit_entry", sa.Column("seq", sa.BigInteger(), nullable=True))
    op.add_column("audit_entry", sa.Column("prev_hash", sa.String(length=64), nullable=True))
    op.add_column("audit_entry", sa.Column("hash", sa.String(length=64), nullable=True))
    op.create_index("ix_audit_entry_seq", "audit_entry", ["seq"], unique=True)
    op.create_table(
        "audit_head",
        sa.Column("id", BigId, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("first_hash", sa.String(length=64), nullable=False),
        sa.Column("older", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.Column("sealed_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )


def downgrade() -> None:
    op.drop_table("audit_head")
    op.drop_index("ix_audit_entry_seq", table_name="audit_entry")
    for name in ("hash", "prev_hash", "seq"):
        op.drop_column("audit_entry", name)
