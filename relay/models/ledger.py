"""The ledger: counts taken at ingest, and archived counts of rows that were deleted.

A day is the UTC day on which an event was received.  Code that deletes events or deliveries adds
them to the archived counts in the same transaction, so that stored rows and archived counts together
are always complete.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, ForeignKey, Index, Integer, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from relay.models.base import Base, BigId, Json, UtcDateTime, db_now
from relay.models.source import Source

BIG: dict[str, Any] = {"default": 0, "server_default": "0"}


class Intake(Base):
    """The count at ingest, written in the same commit as the events.

    ``lane`` spreads the web processes over several rows, so that they rarely wait for each other.
    """

    __tablename__ = "intake"

    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    event_type: Mapped[str] = mapped_column(String(64), primary_key=True)
    lane: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    received: Mapped[int] = mapped_column(BigId, **BIG)
    duplicates: Mapped[int] = mapped_column(BigId, **BIG)

    __table_args__ = (Index("ix_intake_day", "day"),)


class ArchivedEvents(Base):
    """Deleted events.

    ``wanted`` is the number of their deliveries; ``unwanted`` events had none.
    """

    __tablename__ = "booked_events"

    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    event_type: Mapped[str] = mapped_column(String(64), primary_key=True)
    events: Mapped[int] = mapped_column(BigId, **BIG)
    unwanted: Mapped[int] = mapped_column(BigId, **BIG)
    wanted: Mapped[int] = mapped_column(BigId, **BIG)

    __table_args__ = (Index("ix_booked_events_day", "day"),)


class ArchivedDeliveries(Base):
    """Deleted deliveries, all of them settled, by destination and final state."""

    __tablename__ = "booked_deliveries"

    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    event_type: Mapped[str] = mapped_column(String(64), primary_key=True)
    destination_id: Mapped[int] = mapped_column(ForeignKey("destination.id"), primary_key=True)
    delivered: Mapped[int] = mapped_column(BigId, **BIG)
    dead: Mapped[int] = mapped_column(BigId, **BIG)
    discarded: Mapped[int] = mapped_column(BigId, **BIG)

    __table_args__ = (Index("ix_booked_deliveries_day", "day"),)


class ArchivedRejections(Base):
    """Deleted rejections of a source."""

    __tablename__ = "booked_refusals"

    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    refused: Mapped[int] = mapped_column(BigId, **BIG)

    __table_args__ = (Index("ix_booked_refusals_day", "day"),)


class LedgerPart(Base):
    """What a source's events of one hour or one day amount to, counted once all of them were routed.

    ``lines`` holds what then never changes, by event type: the number of events, of those without a delivery,
    of the deliveries that the router wrote, and of the stored deliveries by destination.  Every
    source has a row for each counted hour or day, so a missing one means: not counted.
    """

    __tablename__ = "ledger_part"

    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"), primary_key=True)
    begin: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    lines: Mapped[dict[str, Any]] = mapped_column(Json)

    __table_args__ = (Index("ix_ledger_part_begin", "begin"),)


class LedgerCheck(Base):
    """When a day was last checked, and how many of its totals differed."""

    __tablename__ = "ledger_check"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    gaps: Mapped[int] = mapped_column(Integer, **BIG)


class SiteReport(Base):
    """What a site counted on one of its UTC days, as it reported at ``until``.

    ``counts`` holds by event type: fired, sent, waiting, dropped, and ``later``, the number of
    events of that type that we received between the end of the day and the report.  ``event_pk``
    is the event that contained the report; it is deleted before the report is.
    """

    __tablename__ = "site_report"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    event_pk: Mapped[int] = mapped_column(BigId, unique=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"))
    day: Mapped[date] = mapped_column(Date)
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    counts: Mapped[dict[str, Any]] = mapped_column(Json)
    plugin: Mapped[str] = mapped_column(String(40))
    taken_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())

    source: Mapped[Source] = relationship()

    __table_args__ = (Index("ix_site_report_source_id_day", "source_id", "day"),)
