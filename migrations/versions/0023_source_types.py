"""how a source sends, and the permissions to connect a site"""

import sqlalchemy as sa
from alembic import op

from relay.models.base import BigId, UtcDateTime, db_now

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "source", sa.Column("type", sa.String(16), nullable=False, server_default="plugin")
    )
    op.create_table(
        "connect_grant",
        sa.Column("id", BigId, nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("challenge", sa.String(43), nullable=False),
        sa.Column("site", sa.String(300), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("source_id", BigId, nullable=True),
        sa.Column("allowed_by", sa.String(254), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False, server_default=db_now()),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("used_at", UtcDateTime, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name="fk_connect_grant_source_id"),
        sa.PrimaryKeyConstraint("id", name="pk_connect_grant"),
        sa.UniqueConstraint("code_hash", name="uq_connect_grant_code_hash"),
    )


def downgrade() -> None:
    op.drop_table("connect_grant")
    op.drop_column("source", "type")
