"""The people who can sign in: accounts, sessions, second factors and single-use links."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_login import UserMixin
from sqlalchemy import ForeignKey, Integer, LargeBinary, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from relay.models.base import Base, BigId, Json, UtcDateTime, db_now, enum_column, one_of
from relay.rules.states import LinkPurpose, Role, SignInMethod, UserState

ROLES = tuple(role.value for role in Role)  # each includes those before it


class User(Base):
    """A person.

    ``password_hash`` is empty until the person sets a password.  ``sites_limited``: the person sees
    only the sites in ``sites``, also when that list is empty.  ``totp_sealed`` is the sealed secret of
    the authenticator app, ``totp_used_step`` the time step of the last code that was used.
    ``oidc_subject`` is the identity at the single sign-on provider, ``issuer subject``.
    """

    __tablename__ = "user_account"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(120), default="", server_default="")
    time_zone: Mapped[str] = mapped_column(String(64), default="", server_default="")
    language: Mapped[str] = mapped_column(String(8), default="", server_default="")
    password_hash: Mapped[str] = mapped_column(String(255), default="", server_default="")
    password_changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    role: Mapped[Role] = mapped_column(enum_column(Role))
    state: Mapped[UserState] = mapped_column(
        enum_column(UserState), default=UserState.ACTIVE, server_default="active"
    )
    sites_limited: Mapped[bool] = mapped_column(default=False, server_default=false())
    totp_sealed: Mapped[str | None] = mapped_column(Text)
    totp_used_step: Mapped[int | None] = mapped_column(BigId)
    oidc_subject: Mapped[str | None] = mapped_column(String(512), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    sites: Mapped[list[UserSite]] = relationship(cascade="all, delete-orphan")
    passkeys: Mapped[list[Passkey]] = relationship(
        cascade="all, delete-orphan", order_by="Passkey.id"
    )

    __table_args__ = (
        one_of("role", Role),
        one_of("state", UserState),
        {"sqlite_autoincrement": True},  # limits and cookies name people and sessions by id
    )

    @property
    def is_active(self) -> bool:
        return self.state == UserState.ACTIVE

    @property
    def has_second_factor(self) -> bool:
        return self.totp_sealed is not None or bool(self.passkeys)

    @property
    def factor_kinds(self) -> list[str]:
        """Which second factors are set up: ``app`` (an authenticator app) and ``passkey``."""
        return [*(["app"] if self.totp_sealed else []), *(["passkey"] if self.passkeys else [])]

    @property
    def site_ids(self) -> frozenset[int] | None:
        """The sites that the person sees; None for all sites."""
        return frozenset(site.source_id for site in self.sites) if self.sites_limited else None

    def may(self, role: str) -> bool:
        """Whether this person's role includes ``role``."""
        return ROLES.index(self.role) >= ROLES.index(Role(role))


class UserSite(Base):
    """A site that a person with ``sites_limited`` sees."""

    __tablename__ = "user_site"

    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"), primary_key=True)


class UserSession(Base, UserMixin):
    """One browser in which a person is signed in.  Ending a session deletes its row.

    The browser has the token; only its hash is stored.  ``proved_at`` is when the person last showed
    a password or second factor in it, ``seen_at`` when it was last used (to the minute).  ``once_sha256``
    is the hash of what its next page shows and no later one.
    """

    __tablename__ = "user_session"
    __allow_unmapped__ = True

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    method: Mapped[SignInMethod] = mapped_column(enum_column(SignInMethod))
    address: Mapped[str] = mapped_column(String(45), default="", server_default="")
    device: Mapped[str] = mapped_column(String(120), default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    proved_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    once_sha256: Mapped[str | None] = mapped_column(String(64))

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)
    # known only while a request with this token runs
    token: str = ""
    read_at: datetime | None = None
    needs_factor: bool = False  # the role needs a second factor, and the person has none

    __table_args__ = (one_of("method", SignInMethod), {"sqlite_autoincrement": True})

    @property
    def is_active(self) -> bool:
        return self.user.is_active

    def get_id(self) -> str:
        return self.token


class Passkey(Base):
    """A passkey (WebAuthn credential) of a person.  ``transports`` is what the browser reported."""

    __tablename__ = "passkey"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    credential_id: Mapped[str] = mapped_column(String(512), unique=True)  # base64url
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigId, default=0, server_default="0")
    transports: Mapped[list[Any]] = mapped_column(Json, default=list, server_default="[]")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RecoveryCode(Base):
    """A single-use code that replaces a second factor.  Only its hash is stored."""

    __tablename__ = "recovery_code"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class OneTimeLink(Base):
    """A link that works once: first admin, invitation, new password.  Only its hash is stored.

    ``expires_at`` is empty for the first-run link, which a newer one replaces.
    """

    __tablename__ = "one_time_link"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    purpose: Mapped[LinkPurpose] = mapped_column(enum_column(LinkPurpose, 32))
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))


class SignInPolicy(Base):
    """What an admin requires of everyone; at most one row, with ``id`` 1.

    ``second_factor_roles`` are the roles that need a second factor.
    """

    __tablename__ = "sign_in_policy"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    second_factor_roles: Mapped[list[Any]] = mapped_column(Json, default=list, server_default="[]")
