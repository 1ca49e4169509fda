"""The list of events, and the history of one event."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from unicodedata import bidirectional

from flask import Blueprint, Flask, Response, request, url_for

from relay import database, exact_json
from relay.dashboard import forms, guard, htmx, privacy, views
from relay.dashboard.time_zones import end_of_day, start_of_day
from relay.i18n import N_, _
from relay.models import Delivery, Event, db
from relay.rules.changes import clock_sentence, ignored_fields
from relay.rules.circuit import CircuitState
from relay.rules.lifecycle import OPEN, State
from relay.rules.states import DestinationState
from relay.services import event_list, events
from relay.services.sources import settings as source_settings
from relay.services.subscriptions import matching
from relay.stored_text import figure

blueprint = Blueprint("events", __name__, url_prefix="/events")
SPANS = (
    ("", N_("Any time")),
    ("1h", N_("Last hour")),
    ("24h", N_("Last 24 hours")),
    ("7d", N_("Last 7 days")),
    ("30d", N_("Last 30 days")),
)
HOURS = {"1h": 1, "24h": 24, "7d": 168, "30d": 720}
KEPT = ("type", "source", "state", "text", "span", "since", "until", "everywhere")
SOON = timedelta(minutes=1)
STATE_WORDS = {
    "received": N_("Queued"),
    "pending": N_("Pending"),
    "delivered": N_("Delivered"),
    "dead": N_("Failed"),
    "unmatched": N_("No destination"),
    "discarded": N_("Discarded"),
}


def requested_filter() -> events.EventFilter:
    """The filter in the URL; with both a span and a first day, the later start applies."""
    args = request.args
    span, since = HOURS.get(args.get("span", "")), start_of_day(args.get("since", ""))
    if span:
        begin = database.now(db.session) - timedelta(hours=span)
        since = max(since or begin, begin)
    return events.EventFilter(
        event_type=args.get("type", "")[:64],
        source=args.get("source", "")[:64],
        state=args.get("state", "") if args.get("state") in events.STATES else "",
        text=args.get("text", "")[:200],
        anywhere=not privacy.is_masked(),
        since=since,
        until=end_of_day(args.get("until", "")),
    )


@blueprint.get("")
@guard.requires("viewer", limited=True, replica=True)
def list_page() -> Any:
    kept: dict[str, Any] = {
        name: value for name, value in request.args.items() if value and name in KEPT
    }
    chosen, after = requested_filter(), forms.page_after()
    everywhere = bool(request.args.get("everywhere"))
    return htmx.respond(
        "events/page.html",
        "events/_table.html",
        page=event_list.list_events(chosen, 50, after, everywhere=everywhere),
        url=url_for("events.list_page", **kept),
        kept=kept,
        tabs=_tabs(kept),
        counts=event_list.count_states() if not set(kept) - {"state"} else {},
        everywhere=url_for("events.list_page", **kept | {"everywhere": "1"}),
        is_search=bool(chosen.words),
        state_of=shown_state,
        first_page=after is None,
        **({} if htmx.wants_fragment() else _filter_choices()),
    )


def _tabs(kept: dict[str, Any]) -> list[tuple[str, str, str]]:
    """-> (state, label, URL) of each tab: the same filter with another state"""
    others: dict[str, Any] = {name: value for name, value in kept.items() if name != "state"}
    labels = {"": N_("All")} | STATE_WORDS
    return [
        (state, label, url_for("events.list_page", **others | ({"state": state} if state else {})))
        for state, label in labels.items()
    ]


def _filter_choices() -> dict[str, Any]:
    """The values that the filter offers."""
    return {
        "saved": views.shown("events"),
        "types": events.known_types(),
        "sources": source_settings.source_choices(),
        "spans": SPANS,
    }


@blueprint.get("/<event_id>")
@guard.requires("viewer", limited=True, replica=True)
def detail(event_id: str) -> Response:
    return _detail(_find(event_id))


@blueprint.post("/<event_id>/reveal")
@guard.requires("support", limited=True)
def reveal(event_id: str) -> Response:
    """The same page with the personal data, for this one response."""
    event = _find(event_id)
    privacy.reveal(event, "event")
    return _detail(_find(event_id))


def _find(event_id: str) -> Event:
    number = event_id.isascii() and event_id.isdigit() and len(event_id) < 19
    return events.find_event(int(event_id) if number else event_id)


def _detail(event: Event) -> Response:
    state, now = shown_state(event), database.now(db.session)
    body, masked = privacy.body_of(event), privacy.is_masked(event)
    # the next poll would hide again what was revealed
    polls = masked or not privacy.may_reveal()
    return htmx.respond(
        "events/detail.html",
        "events/_story.html",
        event=event,
        state=state,
        every=poll_interval(event, now) if polls else "",
        now=now,
        payload=body,
        pretty=exact_json.dumps(body if masked else exact_json.loads(event.payload), indent=2),
        masked=masked,
        remarks=[*ignored_fields(body), *filter(None, [clock_sentence(body, event.received_at)])],
        redacted=events.redacted_fields(event),
        dead_letters=events.open_letters(event),
        unmatched=matching.unmatched_subscriptions(event) if event.routed_at else [],
    )


def shown_state(event: Event) -> str:
    """The state of an event; ``superseded`` if newer changes made its deliveries unnecessary."""
    state = events.state_of(event)
    if state == State.DISCARDED and all(
        one.superseded_by is not None for one in event.deliveries if one.state == State.DISCARDED
    ):
        return "superseded"
    return state


def poll_interval(event: Event, now: datetime) -> str:
    """How often the page polls: ``2s`` when a change is near, ``15s`` while deliveries wait, else not."""
    waiting = [delivery for delivery in event.deliveries if delivery.state in OPEN]
    if event.routed_at is not None and not waiting:
        return ""
    near = event.routed_at is None or any(
        delivery.due_at is None
        or (delivery.due_at < now + SOON and delivery.destination.state == DestinationState.ACTIVE)
        for delivery in waiting
    )
    return "2s" if near else "15s"


def state_with_hold(delivery: Delivery) -> str:
    """The state of a delivery as pages show it; ``held`` if its destination is paused or not responding."""
    stopped = delivery.destination.state == DestinationState.PAUSED
    if delivery.state == State.PENDING and (
        stopped or delivery.destination.circuit != CircuitState.CLOSED
    ):
        return "held"
    return delivery.shown_state


# Of a few chips, the ones that matter most.
URGENCY = ("dead", "held", "pending", "in_flight")


def unfinished_first(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Failed ones, then those on hold and those that wait; the rest in their order."""
    ranks = {state: rank for rank, state in enumerate(URGENCY)}
    return sorted(deliveries, key=lambda one: ranks.get(state_with_hold(one), len(ranks)))


def subject(event: Event) -> str:
    """An event in a few words, as this person may see it."""
    return subject_of(event.event_type, privacy.body_of(event)["data"])


# What names an event of a family: the members of its data.
SUBJECTS = {
    "customer": ("name", "email", "id"),
    "product": ("name", "sku", "stock_status"),
    "coupon": ("code", "amount"),
    "post": ("title", "author"),
}


def _amount(total: Any) -> str:
    """``129.90`` as the language of the reader writes it; other texts as they are."""
    return figure(str(total)) if re.fullmatch(r"-?\d+(\.\d+)?", str(total)) else str(total)


def subject_of(event_type: str, data: dict[str, Any]) -> str:
    """In a few words.  The data of custom types can have any shape."""
    family = event_type.partition(".")[0]
    if family == "comment":
        author = isolated(data.get("author") or _("Someone"))
        return short(f"{author}: {data.get('content', '')}")
    if family in ("order", "subscription"):
        total = f"{_amount(data.get('total', ''))} {data.get('currency', '')}"  # i18n: keep
        named = _("Order %(number)s") if family == "order" else _("Subscription %(number)s")
        number = named % {"number": data.get("number", "")}
        customer = data.get("customer")
        name = customer.get("name") if isinstance(customer, dict) else ""
        parts = (number, isolated(name or ""), total.strip(), data.get("status", ""))
        return short(", ".join(str(part) for part in parts if part))
    if family in SUBJECTS:
        data = {name: data.get(name) for name in SUBJECTS[family]}
    if family == "lead":
        values = [value for value in data.get("fields", {}).values() if isinstance(value, str)]
        title = data.get("form", {}).get("title") or _("Form")
        return short(f"{title}: {', '.join(values)}")  # i18n: keep
    return short(", ".join(str(v) for v in data.values() if isinstance(v, str | int) and v != ""))


def isolated(text: Any) -> str:
    """A name that is written from right to left, so that it does not reorder the text around it."""
    text = str(text)
    from_right = any(bidirectional(character) in ("R", "AL") for character in text[:60])
    return f"\u2068{text}\u2069" if from_right else text


def short(text: str) -> str:
    """One line of at most 120 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 120 else f"{line[:119]}…"


def init_app(app: Flask) -> None:
    app.add_template_filter(subject)
    app.add_template_filter(state_with_hold)
    app.add_template_filter(unfinished_first)
