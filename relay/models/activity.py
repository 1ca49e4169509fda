"""Counts and marks that the alert rules, the metrics and the charts read instead of the large tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from relay.models.base import Base, BigId, Json, UtcDateTime, db_now

NUMBER: dict[str, Any] = {"default": 0, "server_default": "0"}


class DeliveryMinute(Base):
    """The finished deliveries of a destination in one minute, written with their results.

    ``failed`` are those that became a failed delivery.  Replays are counted apart: the first result
    of a delivery counts once in ``delivered`` or ``failed``, later ones in ``replays_…``.
    """

    __tablename__ = "delivery_minute"

    destination_id: Mapped[int] = mapped_column(
        ForeignKey("destination.id"), primary_key=True, autoincrement=False
    )
    minute: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    delivered: Mapped[int] = mapped_column(Integer, **NUMBER)
    failed: Mapped[int] = mapped_column(Integer, **NUMBER)
    replays_delivered: Mapped[int] = mapped_column(Integer, **NUMBER)
    replays_failed: Mapped[int] = mapped_column(Integer, **NUMBER)

    __table_args__ = (Index("ix_delivery_minute_minute", "minute"),)


class EventHour(Base):
    """The events of a site and type that were received in one full hour (UTC)."""

    __tablename__ = "event_hour"

    source_id: Mapped[int] = mapped_column(
        ForeignKey("source.id"), primary_key=True, autoincrement=False
    )
    event_type: Mapped[str] = mapped_column(String(64), primary_key=True)
    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    events: Mapped[int] = mapped_column(Integer, **NUMBER)

    __table_args__ = (Index("ix_event_hour_hour", "hour"),)


class Milestone(Base):
    """When something last happened, by name: ``backup``, ``event_hours`` (counted until ``at``)."""

    __tablename__ = "milestone"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    detail: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default="{}")


class CanaryRun(Base):
    """One synthetic event of a site: when it was sent, accepted and received by the internal inbox.

    ``error`` says why it was not accepted.
    """

    __tablename__ = "canary_run"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"))
    event_id: Mapped[str] = mapped_column(String(128), unique=True)
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    arrived_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str] = mapped_column(Text, default="", server_default="")

    __table_args__ = (Index("ix_canary_run_source_id_sent_at", "source_id", "sent_at"),)
