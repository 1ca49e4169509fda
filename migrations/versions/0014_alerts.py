"""alert rules, channels and messages, and the counts that they read"""

import sqlalchemy as sa
from alembic import op

from relay.models.base import BigId, Json, UtcDateTime, db_now

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert_channel",
        sa.Column("id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("config", Json, nullable=False),
        sa.Column("sealed_secrets", sa.Text(), nullable=True),
        sa.Column("severity", sa.String(length=16), server_default="warning", nullable=False),
        sa.Column("rules", Json, server_default="[]", nullable=False),
        sa.Column("quiet_from", sa.String(length=5), server_default="", nullable=False),
        sa.Column("quiet_until", sa.String(length=5), server_default="", nullable=False),
        sa.Column("timezone", sa.String(length=64), server_default="UTC", nullable=False),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("last_sent_at", UtcDateTime(), nullable=True),
        sa.Column("failed_at", UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "severity IN ('notice', 'warning', 'critical')", name=op.f("ck_alert_channel_severity")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_channel")),
        sa.UniqueConstraint("name", name=op.f("uq_alert_channel_name")),
    )
    op.create_table(
        "alert_evaluation",
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("firing_since", UtcDateTime(), nullable=True),
        sa.Column("clear_since", UtcDateTime(), nullable=True),
        sa.Column("value", sa.Float(), server_default="0", nullable=False),
        sa.Column("threshold", sa.Float(), server_default="0", nullable=False),
        sa.Column("checked_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("samples", Json, server_default="[]", nullable=False),
        sa.PrimaryKeyConstraint("rule", "subject", name=op.f("pk_alert_evaluation")),
    )
    op.create_table(
        "alert_rule",
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=True),
        sa.Column("muted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("muted_until", UtcDateTime(), nullable=True),
        sa.Column("changed_by", sa.String(length=254), server_default="", nullable=False),
        sa.Column("changed_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.PrimaryKeyConstraint("rule", name=op.f("pk_alert_rule")),
    )
    op.create_table(
        "milestone",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("detail", Json, server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_milestone")),
    )
    op.create_table(
        "alert_entry",
        sa.Column("id", BigId, nullable=False),
        sa.Column("alert_id", BigId, nullable=False),
        sa.Column("at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("actor", sa.String(length=254), server_default="relay", nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_alert_entry_alert_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_entry")),
    )
    op.create_index("ix_alert_entry_alert_id", "alert_entry", ["alert_id"])

    op.create_table(
        "alert_message",
        sa.Column("id", BigId, nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("alert_id", BigId, nullable=True),
        sa.Column("channel_id", BigId, nullable=False),
        sa.Column("number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("change", sa.String(length=16), nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("state", sa.String(length=16), server_default="pending", nullable=False),
        sa.Column("due_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("claimed_until", UtcDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fallback_from", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'sent', 'failed', 'skipped')", name=op.f("ck_alert_message_state")
        ),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_alert_message_alert_id")),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["alert_channel.id"], name=op.f("fk_alert_message_channel_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_message")),
        sa.UniqueConstraint(
            "alert_id",
            "number",
            "channel_id",
            name=op.f("uq_alert_message_alert_id_number_channel_id"),
        ),
        sa.UniqueConstraint("key", name=op.f("uq_alert_message_key")),
    )
    op.create_index("ix_alert_message_alert_id", "alert_message", ["alert_id"])
    op.create_index("ix_alert_message_channel_id", "alert_message", ["channel_id"])
    op.create_index(
        "ix_alert_message_due",
        "alert_message",
        ["due_at"],
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    )

    op.create_table(
        "canary_run",
        sa.Column("id", BigId, nullable=False),
        sa.Column("source_id", BigId, nullable=False),
        sa.Column("event_id", sa.String(length=128), nullable=False),
        sa.Column("sent_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("accepted_at", UtcDateTime(), nullable=True),
        sa.Column("arrived_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_canary_run_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canary_run")),
        sa.UniqueConstraint("event_id", name=op.f("uq_canary_run_event_id")),
    )
    op.create_index("ix_canary_run_source_id_sent_at", "canary_run", ["source_id", "sent_at"])

    op.create_table(
        "delivery_minute",
        sa.Column("destination_id", BigId, autoincrement=False, nullable=False),
        sa.Column("minute", UtcDateTime(), nullable=False),
        sa.Column("delivered", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("replays_delivered", sa.Integer(), server_default="0", nullable=False),
        sa.Column("replays_failed", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["destination_id"], ["destination.id"], name=op.f("fk_delivery_minute_destination_id")
        ),
        sa.PrimaryKeyConstraint("destination_id", "minute", name=op.f("pk_delivery_minute")),
    )
    op.create_index("ix_delivery_minute_minute", "delivery_minute", ["minute"])

    op.create_table(
        "event_hour",
        sa.Column("source_id", BigId, autoincrement=False, nullable=False),
        sa.Column("event_type", sa.String(length=64), nullable=False),
        sa.Column("hour", UtcDateTime(), nullable=False),
        sa.Column("events", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_event_hour_source_id")),
        sa.PrimaryKeyConstraint("source_id", "event_type", "hour", name=op.f("pk_event_hour")),
    )
    op.create_index("ix_event_hour_hour", "event_hour", ["hour"])

    op.add_column(
        "alert",
        sa.Column("severity", sa.String(length=16), server_default="warning", nullable=False),
    )
    op.add_column("alert", sa.Column("since", UtcDateTime(), nullable=True))
    op.add_column("alert", sa.Column("count", sa.Integer(), server_default="1", nullable=False))
    op.add_column("alert", sa.Column("changes", sa.Integer(), server_default="0", nullable=False))
    op.add_column("alert", sa.Column("notified_at", UtcDateTime(), nullable=True))
    op.add_column(
        "alert", sa.Column("covered_by", sa.String(length=40), server_default="", nullable=False)
    )
    op.add_column("alert", sa.Column("snoozed_until", UtcDateTime(), nullable=True))
    op.add_column("alert", sa.Column("owner", sa.String(length=254), nullable=True))


def downgrade() -> None:
    op.drop_column("alert", "owner")
    op.drop_column("alert", "snoozed_until")
    op.drop_column("alert", "covered_by")
    op.drop_column("alert", "notified_at")
    op.drop_column("alert", "changes")
    op.drop_column("alert", "count")
    op.drop_column("alert", "since")
    op.drop_column("alert", "severity")

    op.drop_table("event_hour")

    op.drop_table("delivery_minute")

    op.drop_table("canary_run")

    op.drop_table("alert_message")

    op.drop_table("alert_entry")
    op.drop_table("milestone")
    op.drop_table("alert_rule")
    op.drop_table("alert_evaluation")
    op.drop_table("alert_channel")
