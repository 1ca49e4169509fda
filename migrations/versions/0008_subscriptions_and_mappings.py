"""subscriptions with several sites and conditions; mappings and their versions"""

import sqlalchemy as sa
from alembic import op

from relay.models.base import BigId, Json, UtcDateTime, db_now

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "subscription_source",
        sa.Column("subscription_id", BigId, nullable=False),
        sa.Column("source_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscription.id"],
            name=op.f("fk_subscription_source_subscription_id"),
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_subscription_source_source_id")
        ),
        sa.PrimaryKeyConstraint(
            "subscription_id", "source_id", name=op.f("pk_subscription_source")
        ),
    )
    op.create_index(op.f("ix_subscription_source_source_id"), "subscription_source", ["source_id"])
    op.execute(
        "INSERT INTO subscription_source (subscription_id, source_id) "
        "SELECT id, source_id FROM subscription WHERE source_id IS NOT NULL"
    )
    with op.batch_alter_table("subscription") as batch:
        batch.drop_index("ix_subscription_source_id")
        batch.drop_constraint("fk_subscription_source_id", type_="foreignkey")
        batch.drop_column("source_id")
        batch.add_column(sa.Column("conditions", Json, server_default="{}", nullable=False))
        batch.add_column(sa.Column("version", sa.Integer(), server_default="1", nullable=False))
        batch.drop_constraint(op.f("ck_subscription_state"), type_="check")
        batch.create_check_constraint(
            op.f("ck_subscription_state"), "state IN ('active', 'paused', 'closed')"
        )
    op.create_table(
        "mapping_version",
        sa.Column("id", BigId, nullable=False),
        sa.Column("subscription_id", BigId, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("rules", Json, server_default="{}", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("made_by", sa.String(length=254), nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscription.id"],
            name=op.f("fk_mapping_version_subscription_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mapping_version")),
        sa.UniqueConstraint(
            "subscription_id", "number", name=op.f("uq_mapping_version_subscription_id_number")
        ),
    )
    op.execute(
        "INSERT INTO mapping_version (subscription_id, number, made_by) "
        "SELECT id, 1, 'relay' FROM subscription"
    )
    with op.batch_alter_table("delivery") as batch:
        batch.add_column(sa.Column("mapping_version", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("pinned_mapping", sa.Integer(), nullable=True))
    op.execute("UPDATE delivery SET mapping_version = 1 WHERE attempts > 0")


def downgrade() -> None:
    with op.batch_alter_table("delivery") as batch:
        batch.drop_column("pinned_mapping")
        batch.drop_column("mapping_version")
    op.drop_table("mapping_version")
    op.execute("UPDATE subscription SET state = 'closed' WHERE state = 'paused'")
    with op.batch_alter_table("subscription") as batch:
        batch.drop_constraint(op.f("ck_subscription_state"), type_="check")
        batch.create_check_constraint(
            op.f("ck_subscription_state"), "state IN ('active', 'closed')"
        )
        batch.drop_column("version")
        batch.drop_column("conditions")
        batch.add_column(sa.Column("source_id", BigId, nullable=True))
        batch.create_foreign_key("fk_subscription_source_id", "source", ["source_id"], ["id"])
        batch.create_index("ix_subscription_source_id", ["source_id"])
    op.execute(
        "UPDATE subscription SET source_id = (SELECT min(source_id) FROM subscription_source "
        "WHERE subscription_id = subscription.id)"
    )
    op.drop_index(op.f("ix_subscription_source_source_id"), "subscription_source")
    op.drop_table("subscription_source")
