"""The log of what the sites sent, and one event's story."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, request, url_for

from relay.dashboard import forms, guard, htmx
from relay.lifecycle import DEFAULT_POLICY, OPEN
from relay.services import events, keys, sources

blueprint = Blueprint("events", __name__, url_prefix="/events")
SPANS = (("", "Any time"), ("1h", "Last hour"), ("24h", "Last 24 hours"), ("7d", "Last 7 days"))
HOURS = {"1h": 1, "24h": 24, "7d": 168}
STATE_WORDS = {
    "received": "Received, not routed yet",
    "pending": "On its way",
    "delivered": "Delivered",
    "dead": "Dead letter",
    "unmatched": "No destination wanted it",
    "discarded": "Discarded",
}


def day(name: str) -> datetime | None:
    """A day from the address bar, as its first instant in UTC; nonsense is no day."""
    try:
        return datetime.fromisoformat(request.args.get(name, "")[:10]).replace(tzinfo=UTC)
    except ValueError:
        return None


def asked() -> events.EventFilter:
    """The filter in the address bar."""
    args = request.args
    span, until = HOURS.get(args.get("span", "")), day("until")
    return events.EventFilter(
        event_type=args.get("type", "")[:64],
        source=args.get("source", "")[:64],
        state=args.get("state", "") if args.get("state") in events.STATES else "",
        text=args.get("text", "")[:200],
        since=keys.database_now() - timedelta(hours=span) if span else day("since"),
        until=until + timedelta(days=1) if until else None,
    )


@blueprint.get("")
@guard.requires("viewer")
def list_page() -> Any:
    kept: dict[str, Any] = {
        name: value
        for name, value in request.args.items()
        if value and name in ("type", "source", "state", "text", "span", "since", "until")
    }
    return htmx.respond(
        "events/page.html",
        "events/_table.html",
        page=events.list_events(asked(), 50, forms.page_after()),
        url=url_for("events.list_page", **kept),
        kept=kept,
        state_of=events.state_of,
        subject=subject,
        types=events.known_types(),
        sources=sources.list_sources(500).items,
        states=STATE_WORDS,
        spans=SPANS,
        first_page=forms.page_after() is None,
    )


@blueprint.get("/<event_id>")
@guard.requires("viewer")
def detail(event_id: str) -> Response:
    event = events.find_event(event_id)
    state = events.state_of(event)
    return htmx.respond(
        "events/detail.html",
        "events/_story.html",
        event=event,
        state=state,
        moving=state == "received" or any(d.state in OPEN for d in event.deliveries),
        payload=json.loads(event.payload),
        pretty=json.dumps(json.loads(event.payload), ensure_ascii=False, indent=2),
        letters=events.open_letters(event),
        most=DEFAULT_POLICY.max_attempts,
    )


def subject(event: Any) -> str:
    """What an event is about, in a few words."""
    data = json.loads(event.payload)["data"]
    if event.event_type == "comment.created":
        return f"{data.get('author') or 'Somebody'}: {data.get('content', '')}"[:120]
    if event.event_type.startswith("order."):
        return f"Order {data.get('number')}, {data.get('total')} {data.get('currency')}, {data.get('status')}"[
            :120
        ]
    if event.event_type == "lead.created":
        values = [str(value) for value in data.get("fields", {}).values()]
        return f"{data.get('form', {}).get('title', 'Form')}: {', '.join(values)}"[:120]
    return ", ".join(str(v) for v in data.values() if isinstance(v, str | int))[:120]
