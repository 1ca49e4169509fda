"""the newest change of each object that a destination got"""

import sqlalchemy as sa
from alembic import op

from relay.models.base import BigId, UtcDateTime, db_now

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TABLE = "object_revision"


def upgrade() -> None:
    op.add_column("delivery", sa.Column("superseded_by", sa.BigInteger(), nullable=True))
    op.create_table(
        TABLE,
        sa.Column("destination_id", BigId, nullable=False, autoincrement=False),
        sa.Column("source_id", BigId, nullable=False, autoincrement=False),
        sa.Column("object_key", sa.String(32), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=True),
        sa.Column("occurred_s", sa.BigInteger(), nullable=True),
        sa.Column("event_pk", sa.BigInteger(), nullable=True),
        sa.Column("started", sa.BigInteger(), nullable=True),
        sa.Column("started_s", sa.BigInteger(), nullable=True),
        sa.Column("started_pk", sa.BigInteger(), nullable=True),
        sa.Column("started_id", sa.BigInteger(), nullable=True),
        sa.Column("updated_at", UtcDateTime, nullable=False, server_default=db_now()),
        sa.ForeignKeyConstraint(
            ["destination_id"], ["destination.id"], name=f"fk_{TABLE}_destination_id"
        ),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=f"fk_{TABLE}_source_id"),
        sa.PrimaryKeyConstraint("destination_id", "source_id", "object_key", name=f"pk_{TABLE}"),
    )
    op.create_index(f"ix_{TABLE}_updated_at", TABLE, ["updated_at"])


def downgrade() -> None:
    op.drop_table(TABLE)
    op.drop_column("delivery", "superseded_by")
