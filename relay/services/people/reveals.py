"""Showing the personal data of one event to a person to whom it is shown masked."""

from __future__ import annotations

from relay.models import Event, db
from relay.services.audit import By, record


def reveal(event: Event, by: By, place: str) -> None:
    """Record that ``by`` saw the event's personal data.  ``place`` is the page, such as ``event``."""
    record(by, "person.reveal", f"event {event.id}", event_id=event.event_id, page=place)
    db.session.commit()
