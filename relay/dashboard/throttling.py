"""Rate limit, concurrency and retry schedule of a destination, and its status."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Flask, render_template, request, url_for

from relay import database
from relay.dashboard import forms, guard, htmx
from relay.dashboard.filters import duration
from relay.errors import Invalid
from relay.mapping.operators import join_words
from relay.models import Destination, db
from relay.rules.rate import MAX_CONCURRENCY, UNITS
from relay.rules.status import destination_status
from relay.services import deliveries
from relay.services.destinations import settings as destination_settings
from relay.services.destinations import throttling
from relay.services.destinations.throttling import SCHEDULES, Throttling

blueprint = Blueprint("throttling", __name__, url_prefix="/destinations/<int:destination_id>")
NAMES = {
    "patient": "Standard (recommended)",
    "long": "Long",
    "quick": "Short",
    "own": "Custom",
}
CONCURRENCY = forms.Field(
    "concurrency",
    "Concurrency (requests at a time)",
    "number",
    help="A higher value is faster if the service can handle it. 4 is right for most services.",
    required=True,
    low=1,
    high=MAX_CONCURRENCY,
)
WIDTH = 320
MARKS = ((60, "1 min"), (3600, "1 h"), (86400, "1 day"))


@dataclass(frozen=True)
class Dot:
    """A point on the line of a retry schedule; ``x`` is from 0 to WIDTH."""

    x: float
    label: str


def schedule_words(waits: Sequence[float]) -> str:
    """A retry schedule as a sentence.  ``waits`` are the seconds between attempts."""
    times = [duration(wait) for wait in waits]
    return (
        f"{len(waits) + 1} attempts over {spoken(sum(waits))}: "
        f"immediately, then after {join_words(times, 'and')}."
    )


def spoken(seconds: float) -> str:
    """A duration in one unit, or in two where the second one matters: ``1 day 3 h``."""
    first = duration(seconds)
    size = next((s for s in (86400, 3600, 60, 1) if seconds >= s), 1)
    rest = seconds % size
    return f"{first} {duration(rest)}" if size > 60 and rest >= size / 24 else first


def _x(seconds: float, longest: float) -> float:
    """The place of a time on the line, which is logarithmic."""
    return round(math.log1p(seconds) / math.log1p(longest) * (WIDTH - 20) + 10, 1)


def schedule_dots(waits: Sequence[float]) -> list[Dot]:
    """One dot per attempt, with its time after the first attempt."""
    total, at, dots = sum(waits), 0.0, [Dot(10, "first attempt")]
    for number, wait in enumerate(waits, 2):
        at += wait
        dots.append(Dot(_x(at, total), f"attempt {number}: {spoken(at)} after the first"))
    return dots


def schedule_marks(waits: Sequence[float]) -> list[Dot]:
    """The marks of 1 minute, 1 hour and 1 day that lie within the schedule."""
    total = sum(waits)
    return [Dot(_x(seconds, total), label) for seconds, label in MARKS if seconds < total * 0.9]


def rate_words(destination: Destination) -> str:
    if not destination.rate_count:
        return "No limit"
    return f"At most {destination.rate_count} per {destination.rate_unit}, spread evenly"


def status_of(destination: Destination, now: datetime) -> str:
    """The status of a destination: a value of ``relay.rules.status.Status``."""
    return destination_status(destination, now).status.value


@blueprint.get("/status")
@guard.requires("viewer")
def show_status(destination_id: int) -> Any:
    """The status, as a fragment that polls."""
    destination = destination_settings.find_destination(destination_id)
    if not htmx.wants_fragment():
        return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))
    return render_template(
        "destinations/_status.html",
        destination=destination,
        count=deliveries.count_open([destination.id])[destination.id],
        now=database.now(db.session),
    )


@blueprint.get("/pace")
@guard.requires("admin")
def old_page(destination_id: int) -> Any:
    """The URL of the page before 1.2, for bookmarks."""
    return htmx.redirect(url_for("throttling.page", destination_id=destination_id))


@blueprint.get("/throttling")
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
        "destinations/throttling.html",
        destination=destination,
        kind=destination_settings.kind_of(destination.kind),
        values=values | (forms.posted() if request.method == "POST" else {}),
        errors=errors or {},
        schedules=SCHEDULES,
        names=NAMES,
        units=list(UNITS),
        concurrency_field=CONCURRENCY,
    )


@blueprint.post("/throttling")
@guard.requires("admin")
def update(destination_id: int) -> Any:
    destination = destination_settings.find_destination(destination_id)
    try:
        chosen = forms.text("schedule")
        settings = Throttling(
            forms.whole_number("rate_count") or None,
            forms.text("rate_unit"),
            forms.whole_number("concurrency"),
            throttling.parse_schedule(forms.text("own") or "?" if chosen == "own" else chosen),
        )
        throttling.set_throttling(destination_id, settings, guard.current_by())
    except Invalid as exc:
        return _page(destination, exc.reasons), 422
    htmx.toast("Saved. The change applies from the next request.")
    return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))


@blueprint.post("/try-now")
@guard.requires("support")
def try_now(destination_id: int) -> Any:
    destination = throttling.try_now(destination_id, guard.current_by())
    htmx.toast(f"Trying {destination.name} now.")
    return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))


def init_app(app: Flask) -> None:
    for word in (schedule_words, schedule_dots, schedule_marks, rate_words, status_of, spoken):
        app.add_template_filter(word)
    app.add_template_filter(throttling.waits_of)
