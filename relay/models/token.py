"""API tokens: what a program shows instead of signing in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from relay.models.base import Base, BigId, UtcDateTime, db_now, enum_column, one_of
from relay.models.user import User
from relay.rules.states import Role


class ApiToken(Base):
    """A token of a user for the HTTP API.  Only a keyed hash of it is stored.

    ``hint`` is how it begins, to recognize it.  ``sites_limited``: it reaches only the sites in
    ``sites``; it never reaches more than its user sees.  ``last_used_at`` is to the minute.
    """

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    hint: Mapped[str] = mapped_column(String(16))
    role: Mapped[Role] = mapped_column(enum_column(Role))
    sites_limited: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_address: Mapped[str] = mapped_column(String(45), default="", server_default="")
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[str] = mapped_column(String(254), default="", server_default="")

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)
    sites: Mapped[list[ApiTokenSite]] = relationship(cascade="all, delete-orphan")

    __table_args__ = (one_of("role", Role), {"sqlite_autoincrement": True})

    @property
    def site_ids(self) -> frozenset[int] | None:
        """The sites that it reaches: at most those of its user; None for all."""
        of_user = self.user.site_ids
        if not self.sites_limited:
            return of_user
        own = frozenset(site.source_id for site in self.sites)
        return own if of_user is None else own & of_user


class ApiTokenSite(Base):
    """A site that a token with ``sites_limited`` reaches."""

    __tablename__ = "api_token_site"

    token_id: Mapped[int] = mapped_column(ForeignKey("api_token.id"), primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"), primary_key=True)
