"""Replays: deliveries that a person sends again, as one unit."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from relay.models.base import Base, BigId, UtcDateTime, db_now, enum_column, one_of
from relay.rules.states import ReplayMapping, ReplayState


class Replay(Base):
    """Any number of deliveries, sent again together.

    ``token`` is that of the submitted form: submitted twice, it is still one replay.  ``title``
    says what was selected.  ``mapping`` is ``current``, or ``original`` for the settings and the
    mapping of each delivery's last attempt.  ``total`` deliveries were included.  When it is over,
    ``delivered``, ``failed`` and ``withdrawn`` (cancelled before they were sent) are final.
    """

    __tablename__ = "replay"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token: Mapped[str] = mapped_column(String(40), unique=True)
    title: Mapped[str] = mapped_column(Text)
    requested_by: Mapped[str] = mapped_column(String(254))
    mapping: Mapped[ReplayMapping] = mapped_column(
        enum_column(ReplayMapping, 8), default=ReplayMapping.CURRENT, server_default="current"
    )
    state: Mapped[ReplayState] = mapped_column(
        enum_column(ReplayState), default=ReplayState.RUNNING, server_default="running"
    )
    total: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    delivered: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    failed: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    withdrawn: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        one_of("state", ReplayState),
        one_of("mapping", ReplayMapping),
        Index(
            "ix_replay_open",
            "id",
            postgresql_where=text("ended_at IS NULL"),
            sqlite_where=text("ended_at IS NULL"),
        ),
    )
