"""The demo on an empty database: sends a signed event over HTTP and shows its steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import and_, func, select

from relay.database import READ_ONLY
from relay.errors import RelayError
from relay.models import Delivery, Event, Source, db
from relay.rules.lifecycle import State
from relay.services import events
from relay.services.audit import RELAY
from relay.services.destinations import settings as destination_settings
from relay.services.operations import milestones
from relay.services.sources import settings as source_settings

TIMEOUT_S = 30.0


def is_empty() -> bool:
    """Whether no site is connected.  The site that RELAY_SHARED_SECRET makes does not count."""
    count = select(func.count()).select_from(Source).where(Source.slug != source_settings.DEFAULT)
    return not db.session.scalar(count)


def show(base: str, say: Callable[[str], None]) -> bool:
    """Create a demo site and an inbox, send an event and show the time of each step.

    -> whether the event was delivered
    """
    source, *_ = source_settings.create_source(
        "Demo site", "https://demo.example.com", RELAY, slug="demo"
    )
    inbox = destination_settings.create_destination("inbox", "Inbox", {}, RELAY)
    detail = {"source": source.id, "destination": inbox.id}
    milestones.store(db.session, milestones.DEMO, detail=detail)
    db.session.commit()
    db.session.remove()
    say("Demo: sending a signed event end to end.")
    try:
        sent = events.send_test_event("demo", RELAY, "comment.created", base)
    except RelayError as exc:
        say(f"  The event could not be sent: {exc}")
        return False
    say(f"  accepted   {sent.status}  {sent.elapsed_ms:7.1f} ms  (signed, verified, committed)")
    row_id, until, routed = int(str(sent.answer["id"])), time.monotonic() + TIMEOUT_S, False
    while time.monotonic() < until:
        received_at, routed_at, settled_at = read_times(row_id)
        if routed_at and not routed:
            routed = True
            say(f"  routed          {since(received_at, routed_at):7.1f} ms  (to the inbox)")
        if settled_at:
            say(f"  delivered       {since(received_at, settled_at):7.1f} ms  (to the inbox)")
            return True
        time.sleep(0.02)
    say("  The event was accepted but not delivered in time. See the logs for the reason.")
    return False


def read_times(row_id: int) -> tuple[datetime, datetime | None, datetime | None]:
    """-> when an event was received, routed and delivered.  Reads without blocking a writer."""
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        row = connection.execute(
            select(Event.received_at, Event.routed_at, Delivery.settled_at)
            .outerjoin(
                Delivery, and_(Delivery.event_pk == Event.id, Delivery.state == State.DELIVERED)
            )
            .where(Event.id == row_id)
        ).one()
    return row.received_at, row.routed_at, row.settled_at


def since(start: datetime, instant: datetime) -> float:
    """Milliseconds from ``start`` to ``instant``."""
    return (instant - start).total_seconds() * 1000
