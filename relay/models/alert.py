"""Alerts: one sentence about a problem, open until the problem is over."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from relay.models.base import Base, BigId, UtcDateTime, db_now

OPEN = text("resolved_at IS NULL")


class Alert(Base):
    """One problem of a ``kind`` (``ledger.books``) with a ``subject``; at most one is open at a
    time.

    ``sentence`` says what is wrong, ``advice`` what to do, ``path`` is the page that shows it.
    It is open until ``resolved_at``, which Relay sets when the cause no longer exists.
    ``acknowledged_by`` is who has seen it, with a ``note``; then it needs no more attention.
    """

    __tablename__ = "alert"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(200))
    sentence: Mapped[str] = mapped_column(Text)
    advice: Mapped[str] = mapped_column(Text)
    path: Mapped[str] = mapped_column(String(300), default="", server_default="")
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_by: Mapped[str | None] = mapped_column(String(254))
    note: Mapped[str] = mapped_column(Text, default="", server_default="")

    __table_args__ = (
        CheckConstraint(
            "(acknowledged_by IS NULL) = (acknowledged_at IS NULL)", name="acknowledged"
        ),
        Index(
            "uq_alert_open",
            "kind",
            "subject",
            unique=True,
            postgresql_where=OPEN,
            sqlite_where=OPEN,
        ),
        Index("ix_alert_opened_at", "opened_at"),
    )
