"""Counts for the charts, by minute and by hour, and when a destination did not send.

The scheduler writes them (``relay.services.traffic.counting``); a chart reads nothing else.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from relay.models.base import Base, BigId, UtcDateTime

NUMBER: dict[str, Any] = {"default": 0, "server_default": "0"}
# The columns of a histogram of durations, with the upper bound of each in milliseconds.
BUCKETS: dict[str, float | None] = {
    "ms_10": 10.0,
    "ms_25": 25.0,
    "ms_50": 50.0,
    "ms_100": 100.0,
    "ms_250": 250.0,
    "ms_500": 500.0,
    "ms_1000": 1000.0,
    "ms_2500": 2500.0,
    "ms_5000": 5000.0,
    "ms_10000": 10_000.0,
    "ms_more": None,
}


class SiteTraffic(Base):
    """The events and finished deliveries of a site in the ``span_s`` seconds that start at ``begin``."""

    __tablename__ = "site_traffic"

    source_id: Mapped[int] = mapped_column(
        ForeignKey("source.id"), primary_key=True, autoincrement=False
    )
    span_s: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    begin: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    received: Mapped[int] = mapped_column(Integer, **NUMBER)
    delivered: Mapped[int] = mapped_column(Integer, **NUMBER)
    failed: Mapped[int] = mapped_column(Integer, **NUMBER)

    __table_args__ = (Index("ix_site_traffic_span_s_begin", "span_s", "begin"),)


class DestinationTraffic(Base):
    """The finished deliveries of a destination in a span of time, and its attempts.

    ``attempts`` are those that ended with a result, ``accepted`` those that succeeded.  Attempts after which
    the destination asked to wait are in neither.  ``ms_…`` count the attempts by how long they took.
    """

    __tablename__ = "destination_traffic"

    destination_id: Mapped[int] = mapped_column(
        ForeignKey("destination.id"), primary_key=True, autoincrement=False
    )
    span_s: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    begin: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    delivered: Mapped[int] = mapped_column(Integer, **NUMBER)
    failed: Mapped[int] = mapped_column(Integer, **NUMBER)
    attempts: Mapped[int] = mapped_column(Integer, **NUMBER)
    accepted: Mapped[int] = mapped_column(Integer, **NUMBER)
    ms_10: Mapped[int] = mapped_column(Integer, **NUMBER)
    ms_25: Mapped[int] = mapped_column(Integer, **NUMBER)
    ms_50: Mapped[int] = mapped_column(Integer, **NUMBER)
    ms_100: Mapped[int] = mapped_column(Integer, **NUMBER)
    ms_250: Mapped[int] = mapped_column(Integer, **NUMBER)
    ms_500: Mapped[int] = mapped_column(Integer, **NUMBER)
    ms_1000: Mapped[int] = mapped_column(Integer, **NUMBER)
    ms_2500: Mapped[int] = mapped_column(Integer, **NUMBER)
    ms_5000: Mapped[int] = mapped_column(Integer, **NUMBER)
    ms_10000: Mapped[int] = mapped_column(Integer, **NUMBER)
    ms_more: Mapped[int] = mapped_column(Integer, **NUMBER)

    __table_args__ = (Index("ix_destination_traffic_span_s_begin", "span_s", "begin"),)


class DestinationHold(Base):
    """A time in which nothing was sent to a destination: ``paused``, ``held`` or ``circuit_open``.

    ``ended_at`` is None while it lasts.
    """

    __tablename__ = "destination_hold"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    destination_id: Mapped[int] = mapped_column(ForeignKey("destination.id"))
    status: Mapped[str] = mapped_column(String(16))
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        Index(
            "uq_destination_hold_open",
            "destination_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
            sqlite_where=text("ended_at IS NULL"),
        ),
        Index("ix_destination_hold_destination_id_began_at", "destination_id", "began_at"),
    )
