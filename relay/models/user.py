"""The people who may sign in, and the single-use links that let them in for the first time."""

from __future__ import annotations

from datetime import datetime

from flask_login import UserMixin
from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from relay.models.base import Base, BigId, UtcDateTime, db_now

ROLES = ("viewer", "support", "admin")  # each may do what those before it may


class User(Base, UserMixin):
    """``session_token`` changes at sign-out and password change: every older session ends there."""

    __tablename__ = "user_account"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), default="active", server_default="active")
    session_token: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        CheckConstraint("role IN ('viewer', 'support', 'admin')", name="role"),
        CheckConstraint("state IN ('active', 'disabled')", name="state"),
    )

    @property
    def is_active(self) -> bool:
        return self.state == "active"

    def get_id(self) -> str:
        return f"{self.id}:{self.session_token}"

    def may(self, role: str) -> bool:
        """Whether this person's role includes ``role``."""
        return ROLES.index(self.role) >= ROLES.index(role)


class OneTimeLink(Base):
    """A link that works once: the first-run link now, invitations by the same way.  Only its hash is kept."""

    __tablename__ = "one_time_link"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    purpose: Mapped[str] = mapped_column(String(32))
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
