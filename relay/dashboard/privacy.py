"""Who is shown personal data: ``is_masked`` decides, for every page, fragment and download.

Admins see it.  Everyone else sees it masked.  Support may reveal one event at a time, for one request,
with a line in the audit log.  A template shows a text about an event only through these filters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask, g

from relay.dashboard import guard
from relay.delivery.payload import parse_payload
from relay.mapping.masking import EventMask, mask_loosely
from relay.mapping.personal import mask_patterns
from relay.models import Event
from relay.services.people import reveals
from relay.stored_text import translated, translated_entry


def is_masked(event: Event | None = None) -> bool:
    """Whether personal data, of this event or in general, is masked for the person of this request.

    Without a person it is: only a known person is shown anything.
    """
    person = guard.find_person()
    if person is not None and person.may("admin"):
        return False
    return event is None or event.id not in g.get("revealed", ())


def may_reveal() -> bool:
    """Whether the person of this request may ask to see an event that is masked for them."""
    person = guard.find_person()
    return person is not None and person.may("support") and not person.may("admin")


def reveal(event: Event, place: str) -> None:
    """Show this event as it is for the rest of this request, and record it."""
    reveals.reveal(event, guard.current_by(), place)
    g.revealed = {*g.get("revealed", ()), event.id}


def body_of(event: Event) -> dict[str, Any]:
    """The event's body as this person may see it."""
    body = parse_payload(event.payload)
    return _mask_of(event).body if is_masked(event) else body


def _mask_of(event: Event) -> EventMask:
    masks: dict[int, EventMask] = g.setdefault("event_masks", {})
    if event.id not in masks:
        masks[event.id] = EventMask(parse_payload(event.payload))
    return masks[event.id]


def shown(text: Any, event: Event | None = None) -> str:
    """A sentence about an event, in the reader's language.  Without the event, what it quotes is masked
    as well.
    """
    if not is_masked(event):
        return translated(text)
    return translated(_mask_of(event).text(text) if event is not None else mask_loosely(text))


def shown_note(text: Any) -> str:
    """What a person of the team wrote, or a title: only addresses and phone numbers are masked."""
    return mask_patterns(str(text or "")) if is_masked() else str(text or "")


def shown_left_out(sentence: Any, event: Event | None = None) -> str:
    """What a delivery left out; it quotes parts of values."""
    if not is_masked(event):
        return translated(sentence)
    masked = _mask_of(event).note(str(sentence)) if event is not None else mask_loosely(sentence)
    return translated(masked)


def shown_call(part: Mapping[str, Any] | None, event: Event) -> Mapping[str, Any] | None:
    """A stored request or response."""
    return _mask_of(event).call(part) if is_masked(event) else part


def shown_ai(result: Mapping[str, Any], event: Event) -> Mapping[str, Any]:
    """A stored result of an AI step."""
    return _mask_of(event).ai(result) if is_masked(event) else result


def init_app(app: Flask) -> None:
    for name in (
        shown,
        shown_note,
        shown_left_out,
        shown_call,
        shown_ai,
        translated,
        translated_entry,
    ):
        app.add_template_filter(name)
    app.context_processor(lambda: {"is_masked": is_masked, "may_reveal": may_reveal})
