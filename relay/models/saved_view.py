"""The saved views of people: filters of a list under a name."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from relay.models.base import Base, BigId, UtcDateTime, db_now


class SavedView(Base):
    """A filter of the list ``page``, as the query of its URL.  Only the person sees it."""

    __tablename__ = "saved_view"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    page: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(60))
    query: Mapped[str] = mapped_column(String(1000))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())

    __table_args__ = (UniqueConstraint("user_id", "page", "name"),)
