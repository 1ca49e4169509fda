"""accounts: sessions, limits to sites, second factors, links that expire"""

import sqlalchemy as sa
from alembic import op

from relay.models.base import BigId, Json, UtcDateTime, db_now

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

STATES = "state IN ('invited', 'active', 'disabled')"
OLD_STATES = "state IN ('active', 'disabled')"


def user_column() -> sa.Column:
    return sa.Column("user_id", BigId, nullable=False)


def of_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["user_id"], ["user_account.id"], name=op.f(f"fk_{table}_user_id")
    )


NEW_IDS = {"sqlite_autoincrement": True}  # the id of a deleted person or session is not used again


def upgrade() -> None:
    with op.batch_alter_table("user_account", table_kwargs=NEW_IDS) as table:
        table.add_column(
            sa.Column("name", sa.String(length=120), server_default="", nullable=False)
        )
        table.add_column(
            sa.Column("time_zone", sa.String(length=64), server_default="", nullable=False)
        )
        table.add_column(sa.Column("password_changed_at", UtcDateTime(), nullable=True))
        table.add_column(
            sa.Column("sites_limited", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        table.add_column(sa.Column("totp_sealed", sa.Text(), nullable=True))
        table.add_column(sa.Column("totp_used_step", BigId, nullable=True))
        table.add_column(sa.Column("oidc_subject", sa.String(length=512), nullable=True))
        table.create_unique_constraint(op.f("uq_user_account_oidc_subject"), ["oidc_subject"])
        table.alter_column("password_hash", existing_type=sa.String(length=255), server_default="")
        # each session has a row of its own; everybody signs in once more
        table.drop_column("session_token")
        table.drop_constraint(op.f("ck_user_account_state"), type_="check")
        table.create_check_constraint(op.f("ck_user_account_state"), STATES)
    with op.batch_alter_table("one_time_link") as table:
        table.add_column(sa.Column("expires_at", UtcDateTime(), nullable=True))

    op.create_table(
        "user_site",
        user_column(),
        sa.Column("source_id", BigId, nullable=False),
        of_user("user_site"),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_user_site_source_id")),
        sa.PrimaryKeyConstraint("user_id", "source_id", name=op.f("pk_user_site")),
    )
    op.create_table(
        "user_session",
        sa.Column("id", BigId, nullable=False),
        user_column(),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("address", sa.String(length=45), server_default="", nullable=False),
        sa.Column("device", sa.String(length=120), server_default="", nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("proved_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.CheckConstraint(
            "method IN ('password', 'passkey', 'oidc', 'link')", name=op.f("ck_user_session_method")
        ),
        of_user("user_session"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_session")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_user_session_token_sha256")),
        **NEW_IDS,
    )
    op.create_index(op.f("ix_user_session_user_id"), "user_session", ["user_id"])
    op.create_table(
        "passkey",
        sa.Column("id", BigId, nullable=False),
        user_column(),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("credential_id", sa.String(length=512), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", BigId, server_default="0", nullable=False),
        sa.Column("transports", Json, server_default="[]", nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=db_now(), nullable=False),
        sa.Column("last_used_at", UtcDateTime(), nullable=True),
        of_user("passkey"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkey")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkey_credential_id")),
    )
    op.create_index(op.f("ix_passkey_user_id"), "passkey", ["user_id"])
    op.create_table(
        "recovery_code",
        sa.Column("id", BigId, nullable=False),
        user_column(),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        of_user("recovery_code"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_recovery_code_code_hash")),
    )
    op.create_index(op.f("ix_recovery_code_user_id"), "recovery_code", ["user_id"])
    op.create_table(
        "sign_in_policy",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("second_factor_roles", Json, server_default="[]", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_policy")),
    )


def downgrade() -> None:
    op.drop_table("sign_in_policy")
    op.drop_table("recovery_code")
    op.drop_table("passkey")
    op.drop_table("user_session")
    op.drop_table("user_site")
    # links of these purposes, and people without a password, are unknown to the older version
    op.execute("DELETE FROM one_time_link WHERE purpose <> 'first_run'")
    op.execute("UPDATE user_account SET state = 'disabled' WHERE state = 'invited'")
    with op.batch_alter_table("one_time_link") as table:
        table.drop_column("expires_at")
    with op.batch_alter_table("user_account") as table:
        table.drop_constraint(op.f("ck_user_account_state"), type_="check")
        table.create_check_constraint(op.f("ck_user_account_state"), OLD_STATES)
        table.add_column(
            sa.Column("session_token", sa.String(length=64), server_default="", nullable=False)
        )
        table.alter_column(
            "password_hash", existing_type=sa.String(length=255), server_default=None
        )
        table.drop_constraint(op.f("uq_user_account_oidc_subject"), type_="unique")
        for name in ("oidc_subject", "totp_used_step", "totp_sealed", "sites_limited"):
            table.drop_column(name)
        for name in ("password_changed_at", "time_zone", "name"):
            table.drop_column(name)
