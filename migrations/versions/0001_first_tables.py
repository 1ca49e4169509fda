"""first tables"""

import sqlalchemy as sa
from alembic import op

from relay.models.base import BigId, Json, UtcDateTime, db_now

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", BigId, nullable=False),
        sa.Column("at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("actor", sa.String(length=254), nullable=False),
        sa.Column("address", sa.String(length=45), server_default="", nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("object_label", sa.String(length=254), nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.create_index("ix_audit_entry_at", ["at"], unique=False)

    op.create_table(
        "destination",
        sa.Column("id", BigId, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("config", Json, nullable=False),
        sa.Column("sealed_secrets", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.String(length=16), server_default="active", nullable=False),
        sa.Column("paused_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("concurrency", sa.Integer(), server_default="4", nullable=False),
        sa.Column("held_until", UtcDateTime(), nullable=True),
        sa.Column("held_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("drain_token", sa.String(length=32), nullable=True),
        sa.Column("drain_until", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.CheckConstraint(
            "state IN ('active', 'paused', 'closed')", name=op.f("ck_destination_state")
        ),
        sa.CheckConstraint("concurrency BETWEEN 1 AND 64", name=op.f("ck_destination_concurrency")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destination")),
        sa.UniqueConstraint("name", name=op.f("uq_destination_name")),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "revision",
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("number", BigId, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_revision")),
    )
    op.create_table(
        "source",
        sa.Column("id", BigId, nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("state", sa.String(length=16), server_default="active", nullable=False),
        sa.Column("per_minute", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.CheckConstraint("state IN ('active', 'closed')", name=op.f("ck_source_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("slug", name=op.f("uq_source_slug")),
    )
    op.create_table(
        "user_account",
        sa.Column("id", BigId, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), server_default="active", nullable=False),
        sa.Column("session_token", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("last_login_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "role IN ('viewer', 'support', 'admin')", name=op.f("ck_user_account_role")
        ),
        sa.CheckConstraint("state IN ('active', 'disabled')", name=op.f("ck_user_account_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("email", name=op.f("uq_user_account_email")),
    )
    op.create_table(
        "allowed_network",
        sa.Column("id", BigId, nullable=False),
        sa.Column("source_id", BigId, nullable=False),
        sa.Column("cidr", sa.String(length=49), nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_allowed_network_source_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allowed_network")),
    )
    with op.batch_alter_table("allowed_network", schema=None) as batch_op:
        batch_op.create_index(
            "uq_allowed_network_source_id_cidr", ["source_id", "cidr"], unique=True
        )

    op.create_table(
        "one_time_link",
        sa.Column("id", BigId, nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("user_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name=op.f("fk_one_time_link_user_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_link")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_one_time_link_token_sha256")),
    )
    op.create_table(
        "rejection",
        sa.Column("id", BigId, nullable=False),
        sa.Column("source_id", BigId, nullable=True),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("event_id", sa.String(length=128), nullable=True),
        sa.Column("count", sa.Integer(), server_default="1", nullable=False),
        sa.Column("first_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("last_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_rejection_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejection")),
    )
    with op.batch_alter_table("rejection", schema=None) as batch_op:
        batch_op.create_index("ix_rejection_last_at", ["last_at"], unique=False)
        batch_op.create_index(
            "ix_rejection_source_id_last_at", ["source_id", "last_at"], unique=False
        )

    op.create_table(
        "signing_key",
        sa.Column("id", BigId, nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("source_id", BigId, nullable=False),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=16), server_default="active", nullable=False),
        sa.Column("not_before", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("not_after", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "state <> 'retiring' OR not_after IS NOT NULL", name=op.f("ck_signing_key_window")
        ),
        sa.CheckConstraint(
            "state IN ('active', 'retiring', 'revoked')", name=op.f("ck_signing_key_state")
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_signing_key_source_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_key")),
        sa.UniqueConstraint("key_id", name=op.f("uq_signing_key_key_id")),
    )
    with op.batch_alter_table("signing_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_signing_key_source_id"), ["source_id"], unique=False)

    op.create_table(
        "subscription",
        sa.Column("id", BigId, nullable=False),
        sa.Column("destination_id", BigId, nullable=False),
        sa.Column("source_id", BigId, nullable=True),
        sa.Column("event_types", Json, nullable=False),
        sa.Column("state", sa.String(length=16), server_default="active", nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.CheckConstraint("state IN ('active', 'closed')", name=op.f("ck_subscription_state")),
        sa.ForeignKeyConstraint(
            ["destination_id"], ["destination.id"], name=op.f("fk_subscription_destination_id")
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_subscription_source_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
    )
    with op.batch_alter_table("subscription", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_subscription_destination_id"), ["destination_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_subscription_source_id"), ["source_id"], unique=False)

    op.create_table(
        "event",
        sa.Column("id", BigId, nullable=False),
        sa.Column("source_id", BigId, nullable=False),
        sa.Column("signing_key_id", BigId, nullable=False),
        sa.Column("event_id", sa.String(length=128), nullable=False),
        sa.Column("event_type", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=500), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("body_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("received_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("routed_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["signing_key_id"], ["signing_key.id"], name=op.f("fk_event_signing_key_id")
        ),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_event_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sa.UniqueConstraint("source_id", "event_id", name=op.f("uq_event_source_id_event_id")),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index("ix_event_event_id", ["event_id"], unique=False)
        batch_op.create_index(
            "ix_event_event_type_received_at", ["event_type", "received_at"], unique=False
        )
        batch_op.create_index("ix_event_received_at", ["received_at"], unique=False)
        batch_op.create_index(
            "ix_event_signing_key_id_received_at", ["signing_key_id", "received_at"], unique=False
        )
        batch_op.create_index(
            "ix_event_source_id_received_at", ["source_id", "received_at"], unique=False
        )
        batch_op.create_index(
            "ix_event_unrouted",
            ["id"],
            unique=False,
            postgresql_where=sa.text("routed_at IS NULL"),
            sqlite_where=sa.text("routed_at IS NULL"),
        )

    op.create_table(
        "delivery",
        sa.Column("id", BigId, nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("event_pk", BigId, nullable=False),
        sa.Column("subscription_id", BigId, nullable=False),
        sa.Column("destination_id", BigId, nullable=False),
        sa.Column("state", sa.String(length=16), server_default="pending", nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("starts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "state <> 'in_flight' OR (lease_until IS NOT NULL AND lease_token IS NOT NULL)",
            name=op.f("ck_delivery_lease"),
        ),
        sa.CheckConstraint(
            "state <> 'pending' OR due_at IS NOT NULL", name=op.f("ck_delivery_due")
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'in_flight', 'delivered', 'dead', 'discarded')",
            name=op.f("ck_delivery_state"),
        ),
        sa.ForeignKeyConstraint(
            ["destination_id"], ["destination.id"], name=op.f("fk_delivery_destination_id")
        ),
        sa.ForeignKeyConstraint(["event_pk"], ["event.id"], name=op.f("fk_delivery_event_pk")),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscription.id"], name=op.f("fk_delivery_subscription_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint(
            "event_pk", "subscription_id", name=op.f("uq_delivery_event_pk_subscription_id")
        ),
        sa.UniqueConstraint("key", name=op.f("uq_delivery_key")),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index(
            "ix_delivery_destination_id_id", ["destination_id", "id"], unique=False
        )
        batch_op.create_index(
            "ix_delivery_due",
            ["destination_id", "due_at"],
            unique=False,
            postgresql_where=sa.text("state = 'pending'"),
            sqlite_where=sa.text("state = 'pending'"),
        )
        batch_op.create_index(
            "ix_delivery_leased",
            ["lease_until"],
            unique=False,
            postgresql_where=sa.text("state = 'in_flight'"),
            sqlite_where=sa.text("state = 'in_flight'"),
        )
        batch_op.create_index("ix_delivery_state_id", ["state", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_delivery_subscription_id"), ["subscription_id"], unique=False
        )

    op.create_table(
        "attempt",
        sa.Column("id", BigId, nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("delivery_id", BigId, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=40), server_default="", nullable=False),
        sa.Column("sentence", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("elapsed_ms", sa.Float(), server_default="0", nullable=False),
        sa.Column("request", Json, nullable=False),
        sa.Column("response", Json, nullable=False),
        sa.CheckConstraint(
            "outcome IN ('accepted', 'failed', 'refused', 'lost')", name=op.f("ck_attempt_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("fk_attempt_delivery_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint("key", name=op.f("uq_attempt_key")),
    )
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_attempt_delivery_id"), ["delivery_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_attempt_started_at"), ["started_at"], unique=False)

    op.create_table(
        "dead_letter",
        sa.Column("id", BigId, nullable=False),
        sa.Column("delivery_id", BigId, nullable=False),
        sa.Column("destination_id", BigId, nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), server_default="open", nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'acknowledged', 'resolved')", name=op.f("ck_dead_letter_state")
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("fk_dead_letter_delivery_id")
        ),
        sa.ForeignKeyConstraint(
            ["destination_id"], ["destination.id"], name=op.f("fk_dead_letter_destination_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letter")),
    )
    with op.batch_alter_table("dead_letter", schema=None) as batch_op:
        batch_op.create_index("ix_dead_letter_delivery_id", ["delivery_id"], unique=False)
        batch_op.create_index(
            "ix_dead_letter_destination_id_state", ["destination_id", "state"], unique=False
        )
        batch_op.create_index("ix_dead_letter_state_id", ["state", "id"], unique=False)
        batch_op.create_index(
            "uq_dead_letter_unresolved",
            ["delivery_id"],
            unique=True,
            postgresql_where=sa.text("state <> 'resolved'"),
            sqlite_where=sa.text("state <> 'resolved'"),
        )

    op.create_table(
        "replay",
        sa.Column("id", BigId, nullable=False),
        sa.Column("requested_by", sa.String(length=254), nullable=False),
        sa.Column("delivery_id", BigId, nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("fk_replay_delivery_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replay")),
    )
    with op.batch_alter_table("replay", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_replay_delivery_id"), ["delivery_id"], unique=False)

    op.execute("INSERT INTO revision (subject, number) VALUES ('sources', 0)")


def downgrade() -> None:
    with op.batch_alter_table("replay", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_replay_delivery_id"))

    op.drop_table("replay")
    with op.batch_alter_table("dead_letter", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_dead_letter_unresolved",
            postgresql_where=sa.text("state <> 'resolved'"),
            sqlite_where=sa.text("state <> 'resolved'"),
        )
        batch_op.drop_index("ix_dead_letter_state_id")
        batch_op.drop_index("ix_dead_letter_destination_id_state")
        batch_op.drop_index("ix_dead_letter_delivery_id")

    op.drop_table("dead_letter")
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_attempt_started_at"))
        batch_op.drop_index(batch_op.f("ix_attempt_delivery_id"))

    op.drop_table("attempt")
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_delivery_subscription_id"))
        batch_op.drop_index("ix_delivery_state_id")
        batch_op.drop_index(
            "ix_delivery_leased",
            postgresql_where=sa.text("state = 'in_flight'"),
            sqlite_where=sa.text("state = 'in_flight'"),
        )
        batch_op.drop_index(
            "ix_delivery_due",
            postgresql_where=sa.text("state = 'pending'"),
            sqlite_where=sa.text("state = 'pending'"),
        )
        batch_op.drop_index("ix_delivery_destination_id_id")

    op.drop_table("delivery")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_event_unrouted",
            postgresql_where=sa.text("routed_at IS NULL"),
            sqlite_where=sa.text("routed_at IS NULL"),
        )
        batch_op.drop_index("ix_event_source_id_received_at")
        batch_op.drop_index("ix_event_signing_key_id_received_at")
        batch_op.drop_index("ix_event_received_at")
        batch_op.drop_index("ix_event_event_type_received_at")
        batch_op.drop_index("ix_event_event_id")

    op.drop_table("event")
    with op.batch_alter_table("subscription", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_subscription_source_id"))
        batch_op.drop_index(batch_op.f("ix_subscription_destination_id"))

    op.drop_table("subscription")
    with op.batch_alter_table("signing_key", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_signing_key_source_id"))

    op.drop_table("signing_key")
    with op.batch_alter_table("rejection", schema=None) as batch_op:
        batch_op.drop_index("ix_rejection_source_id_last_at")
        batch_op.drop_index("ix_rejection_last_at")

    op.drop_table("rejection")
    op.drop_table("one_time_link")
    with op.batch_alter_table("allowed_network", schema=None) as batch_op:
        batch_op.drop_index("uq_allowed_network_source_id_cidr")

    op.drop_table("allowed_network")
    op.drop_table("user_account")
    op.drop_table("source")
    op.drop_table("revision")
    op.drop_table("lease")
    op.drop_table("destination")
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_entry_at")

    op.drop_table("audit_entry")
