"""The people who can sign in, and single-use links."""

from __future__ import annotations

from datetime import datetime

from flask_login import UserMixin
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from relay.models.base import Base, BigId, UtcDateTime, db_now, enum_column, one_of
from relay.rules.states import LinkPurpose, Role, UserState

ROLES = tuple(role.value for role in Role)  # each includes those before it


class User(Base, UserMixin):
    """A person.

    ``session_token`` changes at sign-out and password change; that ends every older session.
    """

    __tablename__ = "user_account"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[Role] = mapped_column(enum_column(Role))
    state: Mapped[UserState] = mapped_column(
        enum_column(UserState), default=UserState.ACTIVE, server_default="active"
    )
    session_token: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        one_of("role", Role),
        one_of("state", UserState),
    )

    @property
    def is_active(self) -> bool:
        return self.state == UserState.ACTIVE

    def get_id(self) -> str:
        return f"{self.id}:{self.session_token}"

    def may(self, role: str) -> bool:
        """Whether this person's role includes ``role``."""
        return ROLES.index(self.role) >= ROLES.index(Role(role))


class OneTimeLink(Base):
    """A link that works once, such as the first-run link.  Only its hash is stored."""

    __tablename__ = "one_time_link"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    purpose: Mapped[LinkPurpose] = mapped_column(enum_column(LinkPurpose, 32))
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
