"""personal data: redaction and retention per site, look-up by e-mail address, receipts of erasures"""

import sqlalchemy as sa
from alembic import op

from relay.models.base import BigId, Json, JsonOrNull, UtcDateTime, db_now

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("source", sa.Column("redaction", JsonOrNull, nullable=True))
    op.add_column("source", sa.Column("retention_days", sa.Integer(), nullable=True))
    op.add_column("event", sa.Column("emptied_at", UtcDateTime(), nullable=True))
    op.create_table(
        "redacted_event",
        sa.Column("event_pk", BigId, nullable=False),
        sa.Column("fields", Json, nullable=False),
        sa.ForeignKeyConstraint(
            ["event_pk"],
            ["event.id"],
            name="fk_redacted_event_event_pk_event",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("event_pk", name="pk_redacted_event"),
    )
    op.create_table(
        "email_digest",
        sa.Column("id", BigId, nullable=False),
        sa.Column("event_pk", BigId, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_pk"],
            ["event.id"],
            name="fk_email_digest_event_pk_event",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_email_digest"),
    )
    op.create_index("ix_email_digest_digest", "email_digest", ["digest"])
    op.create_index("ix_email_digest_event_pk", "email_digest", ["event_pk"])
    op.create_table(
        "erasure_receipt",
        sa.Column("id", BigId, nullable=False),
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("actor", sa.String(254), nullable=False),
        sa.Column("counts", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erasure_receipt"),
        sa.UniqueConstraint("number", name="uq_erasure_receipt_number"),
    )


def downgrade() -> None:
    op.drop_table("erasure_receipt")
    op.drop_table("email_digest")
    op.drop_table("redacted_event")
    op.drop_column("event", "emptied_at")
    op.drop_column("source", "retention_days")
    op.drop_column("source", "redaction")
