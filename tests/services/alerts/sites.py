"""A site with events, counts per hour and rejections at chosen times, for the tests of alert rules."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import insert

from relay.ingest.refusals import RefusalCode
from relay.models import Event, EventHour, Milestone, Rejection, SigningKey, Source, db
from relay.services.alerts.event_hours import MILESTONE
from relay.services.audit import COMMAND_LINE
from relay.services.sources import settings as source_settings


def site(name: str = "Shop") -> tuple[Source, SigningKey]:
    source, key, _ = source_settings.create_source(name, "https://shop.example.com", COMMAND_LINE)
    return source, key


def add_events(
    source: Source,
    key: SigningKey,
    times: Iterable[datetime],
    event_type: str = "lead.created",
    **fields: Any,
) -> None:
    """Stored events, as ingest stores them, received at these times."""
    rows = []
    for at in times:
        event_id = f"evt-{secrets.token_hex(8)}"
        body = {"event": event_type, "event_id": event_id, "site": source.url, "data": {}} | fields
        rows.append(
            {
                "source_id": source.id,
                "signing_key_id": key.id,
                "event_id": event_id,
                "event_type": event_type,
                "site": source.url,
                "address": "203.0.113.7",
                "payload": json.dumps(body),
                "body_sha256": hashlib.sha256(event_id.encode()).digest(),
                "search_text": "",
                "received_at": at,
            }
        )
    if rows:
        db.session.execute(insert(Event), rows)
        db.session.commit()


def count_until(at: datetime) -> None:
    """Set the milestone, as if the hours before it were counted."""
    db.session.merge(Milestone(name=MILESTONE, at=at))
    db.session.commit()


def add_hours(
    source: Source, hours: Iterable[datetime], events: int = 1, event_type: str = "lead.created"
) -> None:
    rows = [
        {"source_id": source.id, "event_type": event_type, "hour": hour, "events": events}
        for hour in hours
    ]
    if rows:
        db.session.execute(insert(EventHour), rows)
        db.session.commit()


def reject(
    source: Source, code: RefusalCode, at: datetime, count: int = 1, **facts: object
) -> None:
    """Rejected requests as ingest records them, with its own sentence."""
    refusal = code(source_id=source.id, **facts)
    db.session.add(
        Rejection(
            source_id=source.id,
            reason=refusal.reason,
            sentence=refusal.sentence,
            status=refusal.status,
            address="203.0.113.7",
            count=count,
            first_at=at,
            last_at=at,
        )
    )
    db.session.commit()
