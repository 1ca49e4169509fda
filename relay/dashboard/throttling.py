"""How fast and how patiently a destination is served, said as a sentence and drawn as a line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, render_template, request, url_for

from relay.dashboard import forms, guard, htmx
from relay.dashboard.filters import duration
from relay.errors import Invalid
from relay.mapping.operators import join_words
from relay.models import Destination
from relay.rules.rate import MAX_CONCURRENCY, UNITS
from relay.rules.status import Status, destination_status
from relay.services import deliveries
from relay.services.destinations import settings as destination_settings
from relay.services.destinations import throttling
from relay.services.destinations.throttling import SCHEDULES, Throttling
from relay.services.sources import keys

blueprint = Blueprint("pacing", __name__, url_prefix="/destinations/<int:destination_id>")
NAMES = {
    "patient": "Patient (recommended)",
    "long": "Very patient",
    "quick": "Quick",
    "own": "Your own times",
}
PLACES = forms.Field(
    "concurrency",
    "Calls at the same time",
    "number",
    help="More is faster, if the service can bear it. Four suits most.",
    required=True,
    low=1,
    high=MAX_CONCURRENCY,
)
WIDTH = 320
MARKS = ((60, "1 min"), (3600, "1 h"), (86400, "1 day"))


@dataclass(frozen=True)
class Dot:
    """``x`` from 0 to WIDTH."""

    x: float
    label: str


def schedule_words(waits: Sequence[float]) -> str:
    """When a failing delivery is tried, as a sentence."""
    times = [duration(wait) for wait in waits]
    return (
        f"Relay tries {len(waits) + 1} times over {spoken(sum(waits))}: "
        f"at once, then after {join_words(times, 'and')}."
    )


def spoken(seconds: float) -> str:
    """Two units where they tell more: ``1 day 3 h``."""
    first = duration(seconds)
    size = next((s for s in (86400, 3600, 60, 1) if seconds >= s), 1)
    rest = seconds % size
    return f"{first} {duration(rest)}" if size > 60 and rest >= size / 24 else first


def _x(seconds: float, longest: float) -> float:
    """Where an instant stands on the line: early ones need as much room as late ones."""
    return round(math.log1p(seconds) / math.log1p(longest) * (WIDTH - 20) + 10, 1)


def schedule_dots(waits: Sequence[float]) -> list[Dot]:
    """Each attempt as a dot, with how long after the first one it is."""
    total, at, dots = sum(waits), 0.0, [Dot(10, "at once")]
    for number, wait in enumerate(waits, 2):
        at += wait
        dots.append(Dot(_x(at, total), f"attempt {number}: {spoken(at)} after the first"))
    return dots


def schedule_marks(waits: Sequence[float]) -> list[Dot]:
    """The well-known times that fall into the schedule."""
    total = sum(waits)
    return [Dot(_x(seconds, total), label) for seconds, label in MARKS if seconds < total * 0.9]


def rate_words(destination: Destination) -> str:
    if not destination.rate_count:
        return "As fast as it answers"
    return f"At most {destination.rate_count} per {destination.rate_unit}, spread evenly"


def status_of(destination: Destination) -> str:
    """Its status as the templates name it: ``relay.rules.status.Status``, with two other names."""
    status = destination_status(destination, keys.database_now()).status
    return {Status.CIRCUIT_OPEN: "broken", Status.REMOVED: "closed"}.get(status, status.value)


@blueprint.get("/standing")
@guard.requires("viewer")
def show_standing(destination_id: int) -> Any:
    """How it stands at the moment; asks again by itself."""
    destination = destination_settings.find_destination(destination_id)
    if not htmx.wants_fragment():
        return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))
    count = deliveries.count_open([destination.id])[destination.id]
    return render_template("destinations/_standing.html", destination=destination, count=count)


@blueprint.get("/pace")
@guard.requires("admin")
def page(destination_id: int) -> Any:
    return _page(destination_settings.find_destination(destination_id))


def _page(destination: Destination, errors: dict[str, list[str]] | None = None) -> str:
    waits = throttling.waits_of(destination)
    values = {
        "rate_count": destination.rate_count,
        "rate_unit": destination.rate_unit or "second",
        "concurrency": destination.concurrency,
        "schedule": throttling.schedule_name(waits),
        "own": ", ".join(duration(wait) for wait in waits),
    }
    return render_template(
        "destinations/pace.html",
        destination=destination,
        kind=destination_settings.kind_of(destination.kind),
        values=values | (forms.posted() if request.method == "POST" else {}),
        errors=errors or {},
        schedules=SCHEDULES,
        names=NAMES,
        units=list(UNITS),
        places=PLACES,
    )


@blueprint.post("/pace")
@guard.requires("admin")
def update(destination_id: int) -> Any:
    destination = destination_settings.find_destination(destination_id)
    try:
        chosen = forms.text("schedule")
        wanted = Throttling(
            forms.whole_number("rate_count") or None,
            forms.text("rate_unit"),
            forms.whole_number("concurrency"),
            throttling.parse_schedule(forms.text("own") or "?" if chosen == "own" else chosen),
        )
        throttling.set_throttling(destination_id, wanted, guard.current_by())
    except Invalid as exc:
        return _page(destination, exc.reasons), 422
    htmx.toast("Saved. It holds from the next call on.")
    return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))


@blueprint.post("/try-now")
@guard.requires("support")
def try_now(destination_id: int) -> Any:
    destination = throttling.try_now(destination_id, guard.current_by())
    htmx.toast(f"Relay tries {destination.name} now.")
    return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))


def init_app(app: Flask) -> None:
    for word in (schedule_words, schedule_dots, schedule_marks, rate_words, status_of, spoken):
        app.add_template_filter(word)
    app.add_template_filter(throttling.waits_of)
