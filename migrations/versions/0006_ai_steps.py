"""AI steps of subscriptions, cached answers, and the cost of each call"""

import sqlalchemy as sa
from alembic import op

from relay.models.base import BigId, Json, UtcDateTime, db_now

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ai_step",
        sa.Column("id", BigId, nullable=False),
        sa.Column("subscription_id", BigId, nullable=False),
        sa.Column("destination_id", BigId, nullable=False),
        sa.Column("state", sa.String(length=16), server_default="active", nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("instructions", sa.Text(), nullable=False),
        sa.Column("shown", Json, nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("fields", Json, nullable=False),
        sa.Column("masking", sa.Boolean(), nullable=False),
        sa.Column("max_input_tokens", sa.Integer(), nullable=False),
        sa.Column("max_output_tokens", sa.Integer(), nullable=False),
        sa.Column("wait_s", sa.Integer(), nullable=False),
        sa.Column("day_cap", BigId, nullable=True),
        sa.Column("day_calls", sa.Integer(), nullable=True),
        sa.Column("fallback", sa.String(length=8), server_default="go_on", nullable=False),
        sa.CheckConstraint("state IN ('active', 'off')", name=op.f("ck_ai_step_state")),
        sa.CheckConstraint("fallback IN ('go_on', 'wait')", name=op.f("ck_ai_step_fallback")),
        sa.CheckConstraint("wait_s BETWEEN 1 AND 20", name=op.f("ck_ai_step_wait")),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscription.id"], name=op.f("fk_ai_step_subscription_id")
        ),
        sa.ForeignKeyConstraint(
            ["destination_id"], ["destination.id"], name=op.f("fk_ai_step_destination_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ai_step")),
        sa.UniqueConstraint("subscription_id", name=op.f("uq_ai_step_subscription_id")),
    )
    op.create_index("ix_ai_step_destination_id", "ai_step", ["destination_id"])
    op.create_table(
        "ai_answer",
        sa.Column("id", BigId, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("claimed_until", UtcDateTime(), nullable=False),
        sa.Column("answer", Json, nullable=True),
        sa.Column("used_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.CheckConstraint("state IN ('claimed', 'ready')", name=op.f("ck_ai_answer_state")),
        sa.CheckConstraint(
            "state <> 'ready' OR answer IS NOT NULL", name=op.f("ck_ai_answer_answer")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ai_answer")),
        sa.UniqueConstraint("key", name=op.f("uq_ai_answer_key")),
    )
    op.create_index("ix_ai_answer_used_at", "ai_answer", ["used_at"])
    op.create_table(
        "ai_use",
        sa.Column("id", BigId, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("destination_id", BigId, nullable=False),
        sa.Column("subscription_id", BigId, nullable=True),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=40), server_default="", nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("cost", BigId, server_default="0", nullable=False),
        sa.Column("tokens_in", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tokens_out", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "state IN ('reserved', 'settled', 'failed', 'hit', 'skipped')",
            name=op.f("ck_ai_use_state"),
        ),
        sa.ForeignKeyConstraint(
            ["destination_id"], ["destination.id"], name=op.f("fk_ai_use_destination_id")
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscription.id"], name=op.f("fk_ai_use_subscription_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ai_use")),
    )
    op.create_index("ix_ai_use_day", "ai_use", ["day"])
    op.create_index("ix_ai_use_destination_id_day", "ai_use", ["destination_id", "day"])
    op.create_index("ix_ai_use_subscription_id_day", "ai_use", ["subscription_id", "day"])
    with op.batch_alter_table("attempt") as batch:
        batch.add_column(sa.Column("ai", Json, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("attempt") as batch:
        batch.drop_column("ai")
    op.drop_table("ai_use")
    op.drop_table("ai_answer")
    op.drop_table("ai_step")
