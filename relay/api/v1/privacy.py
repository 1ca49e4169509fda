"""Who is shown personal data: tokens with the role admin; everyone else gets it masked.

The same rule as in the dashboard, where support can reveal a single event.  A token cannot.
"""

from __future__ import annotations

from typing import Any

from flask import g

from relay.api.v1 import access
from relay.delivery.payload import parse_payload
from relay.mapping.masking import EventMask, mask_loosely
from relay.mapping.personal import mask_patterns
from relay.models import Event


def is_masked() -> bool:
    return not access.current().may("admin")


def body_of(event: Event) -> dict[str, Any]:
    """The event's body as this token may see it."""
    return _mask_of(event).body if is_masked() else parse_payload(event.payload)


def shown(text: Any, event: Event | None = None) -> str:
    """A sentence about an event.  Without the event, what it quotes is masked as well."""
    if not is_masked():
        return str(text or "")
    return _mask_of(event).text(text) if event is not None else mask_loosely(text)


def shown_note(text: Any) -> str:
    """What a person of the team wrote: only addresses and phone numbers are masked."""
    return mask_patterns(str(text or "")) if is_masked() else str(text or "")


def shown_left_out(sentence: Any, event: Event) -> str:
    """What a delivery left out; it quotes parts of values."""
    return _mask_of(event).note(str(sentence)) if is_masked() else str(sentence or "")


def _mask_of(event: Event) -> EventMask:
    masks: dict[int, EventMask] = g.setdefault("event_masks", {})
    if event.id not in masks:
        masks[event.id] = EventMask(parse_payload(event.payload))
    return masks[event.id]
