"""Helpers for ledger tests: days moved into the past, lines, alerts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import select, update

from relay import database
from relay.models import (
    Alert,
    ArchivedDeliveries,
    ArchivedEvents,
    ArchivedRejections,
    Event,
    Intake,
    Rejection,
    SiteReport,
    db,
)
from relay.services.ledger.model import Books, LedgerLine, Period
from relay.services.ledger.reading import read, snapshot


def today() -> date:
    found = database.now(db.session).date()
    db.session.rollback()
    return found


def pass_days(days: int, source_id: int | None = None) -> None:
    """Move all that has come in so many days into the past, of one source or of all."""
    back = timedelta(days=days)

    def of(model: Any) -> Any:
        found = select(model)
        return found if source_id is None else found.where(model.source_id == source_id)

    for event in db.session.scalars(of(Event)):
        event.received_at -= back
    for one in db.session.scalars(of(Rejection)):
        one.first_at, one.last_at = one.first_at - back, one.last_at - back
    for report in db.session.scalars(of(SiteReport)):
        report.day, report.until = report.day - back, report.until - back
    for model in (Intake, ArchivedEvents, ArchivedDeliveries, ArchivedRejections):
        key = [column.name for column in model.__table__.primary_key.columns]
        for row in db.session.scalars(of(model).order_by(model.day)).all():
            same = [getattr(model, name) == getattr(row, name) for name in key]
            db.session.expunge(row)
            db.session.execute(update(model).where(*same).values(day=row.day - back))
    db.session.commit()


def books(first: date, last: date | None = None, source_id: int | None = None) -> Books:
    with snapshot() as connection:
        return read(connection, Period(first, last or first), source_id)


def lines(first: date, last: date | None = None, source_id: int | None = None) -> list[LedgerLine]:
    return books(first, last, source_id).lines()


def line(day: date) -> LedgerLine:
    """The only line of a day."""
    [found] = lines(day)
    return found


def numbers(one: LedgerLine) -> dict[str, Any]:
    """What is not zero, with the sums over all destinations."""
    total = one.total
    found = {
        name: getattr(one, name)
        for name in (
            "received",
            "duplicates",
            "refused",
            "events",
            "unrouted",
            "unwanted",
            "wanted",
        )
    } | {name: getattr(total, name) for name in ("delivered", "waiting", "dead", "discarded")}
    return {name: count for name, count in found.items() if count}


def open_alerts() -> list[str]:
    db.session.rollback()
    wanted = select(Alert.sentence).where(Alert.resolved_at.is_(None)).order_by(Alert.id)
    found = list(db.session.scalars(wanted))
    db.session.rollback()
    return found
