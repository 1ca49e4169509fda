"""the account of a destination, and its quotas"""

import sqlalchemy as sa
from alembic import op

from relay.models.base import BigId, Json, UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("destination") as batch:
        batch.add_column(sa.Column("account", Json, nullable=True))
        batch.add_column(sa.Column("account_read_at", UtcDateTime(), nullable=True))
        batch.add_column(sa.Column("account_trouble", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "gauge",
        sa.Column("id", BigId, nullable=False),
        sa.Column("destination_id", BigId, nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("label", sa.String(length=80), nullable=False),
        sa.Column("limit", BigId, nullable=False),
        sa.Column("remaining", BigId, nullable=False),
        sa.Column("resets_at", UtcDateTime(), nullable=True),
        sa.Column("read_at", UtcDateTime(), nullable=False),
        sa.Column("per_s", sa.Float(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["destination_id"], ["destination.id"], name=op.f("fk_gauge_destination_id_destination")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gauge")),
        sa.UniqueConstraint("destination_id", "name", name=op.f("uq_gauge_destination_id_name")),
    )


def downgrade() -> None:
    op.drop_table("gauge")
    with op.batch_alter_table("destination") as batch:
        batch.drop_column("account_trouble")
        batch.drop_column("account_read_at")
        batch.drop_column("account")
