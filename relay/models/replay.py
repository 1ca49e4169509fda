"""A person sends many deliveries again: one replay, however many they are."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from relay.models.base import Base, BigId, UtcDateTime, db_now


class Replay(Base):
    """``token`` is that of the form it was started from: pressed twice, it is one replay.

    ``title`` says what was chosen.  ``mapping`` is ``current``, or ``original`` for the texts of the settings
    and the mapping that each delivery was last tried with.  ``total`` deliveries were taken.  When it is over,
    ``delivered``, ``failed`` (dead again) and ``withdrawn`` (cancelled before they were sent) are final.
    """

    __tablename__ = "replay"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token: Mapped[str] = mapped_column(String(40), unique=True)
    title: Mapped[str] = mapped_column(Text)
    requested_by: Mapped[str] = mapped_column(String(254))
    mapping: Mapped[str] = mapped_column(String(8), default="current", server_default="current")
    state: Mapped[str] = mapped_column(String(16), default="running", server_default="running")
    total: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    delivered: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    failed: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    withdrawn: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        CheckConstraint("state IN ('running', 'paused', 'cancelled', 'done')", name="state"),
        CheckConstraint("mapping IN ('current', 'original')", name="mapping"),
        Index(
            "ix_replay_open",
            "id",
            postgresql_where=text("ended_at IS NULL"),
            sqlite_where=text("ended_at IS NULL"),
        ),
    )
