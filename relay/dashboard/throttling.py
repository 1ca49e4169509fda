"""Rate limit, concurrency, retry schedule and retry settings of a destination, and its status."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from flask import Blueprint, Flask, render_template, request, url_for

from relay import database
from relay.dashboard import forms, guard, htmx
from relay.dashboard.filters import duration
from relay.dashboard.time_zones import current_zone, day_and_time
from relay.destinations.base import Kind
from relay.destinations.outcomes.http import status_phrase
from relay.errors import Invalid
from relay.i18n import N_, SOURCE, _, in_language
from relay.mapping.operators import join_words
from relay.models import Destination, db
from relay.rules.lifecycle import Failed, Refused
from relay.rules.on_status import StatusAction, action_for
from relay.rules.rate import MAX_CONCURRENCY, UNITS
from relay.rules.status import destination_status
from relay.services import deliveries
from relay.services.destinations import settings as destination_settings
from relay.services.destinations import throttling
from relay.services.destinations.throttling import DEFAULT, SCHEDULES, Throttling
from relay.transport.request import Reply

blueprint = Blueprint("throttling", __name__, url_prefix="/destinations/<int:destination_id>")
NAMES = {
    "patient": N_("Standard (recommended)"),
    "long": N_("Long"),
    "quick": N_("Short"),
    "own": N_("Custom"),
}
CONCURRENCY = forms.Field(
    "concurrency",
    N_("Concurrency (requests at a time)"),
    "number",
    help=N_("A higher value is faster if the service can handle it. 4 is right for most services."),
    required=True,
    low=1,
    high=MAX_CONCURRENCY,
)
STATUSES = (  # what a person can choose for; the rest follows its class
    ("3xx", "3xx", N_("moved to another URL")),
    ("400", "400", N_("bad request")),
    ("401", "401", N_("wrong credentials")),
    ("403", "403", N_("access denied, or a firewall")),
    ("404", "404", N_("not found")),
    ("405", "405", N_("method not allowed")),
    ("408", "408", N_("timed out there")),
    ("409", "409", N_("conflict with other data")),
    ("410", "410", N_("permanently closed")),
    ("413", "413", N_("too large")),
    ("422", "422", N_("content rejected")),
    ("423", "423", N_("locked")),
    ("425", "425", N_("too early")),
    ("429", "429", N_("too many requests")),
    ("5xx", "5xx", N_("error of the server")),
)
ACTIONS = {
    StatusAction.RETRY: N_("Retry, with the whole schedule"),
    StatusAction.FIRST_HOUR: N_("Retry for the first hour"),
    StatusAction.FAIL: N_("Failed delivery, no retry"),
    StatusAction.PAUSE: N_("Pause the destination"),
}
SHORT = {
    StatusAction.RETRY: N_("retry"),
    StatusAction.FIRST_HOUR: N_("retry for the first hour"),
    StatusAction.FAIL: N_("failed delivery"),
    StatusAction.PAUSE: N_("pause"),
}
WIDTH = 320
MARKS = (60, 3600, 86400)


@dataclass(frozen=True)
class StatusChoice:
    """One row of the form: ``chosen`` is an action or ``default``, ``by_default`` says what that is."""

    name: str
    code: str
    words: str
    chosen: str
    by_default: str


def status_choices(kind: Kind, chosen: Mapping[str, str]) -> list[StatusChoice]:
    """The rows for a destination of that kind, with those for other statuses that were chosen."""
    if not (kind.answers_http and kind.takes_events):
        return []
    listed = {key for key, _, _ in STATUSES}
    rows = [*STATUSES, *((key, key, words_of(key)) for key in sorted(chosen) if key not in listed)]
    return [
        StatusChoice(f"on-{key}", code, words, chosen.get(key, DEFAULT), default_words(kind, key))
        for key, code, words in rows
    ]


def words_of(key: str) -> str:
    """The name of a status; empty for a class and for a status without one."""
    return status_phrase(int(key)).partition(" ")[2].lower() if key.isdigit() else ""


def default_words(kind: Kind, key: str) -> str:
    """What a kind does after that status.  Some kinds decide by what the reply says."""
    status = int(key.replace("xx", "01" if key == "3xx" else "00"))
    action = action_for(status, kind.on_status)
    if action is None and type(kind).classify is not Kind.classify:
        return _("as the reply says")
    if action is None:
        signal = kind.classify(Reply(status=status))
        pauses = isinstance(signal, Refused) and signal.pause
        action = StatusAction.PAUSE if pauses else StatusAction.FAIL
        action = StatusAction.RETRY if isinstance(signal, Failed) else action
    return _(SHORT[action])


def posted_on_status(current: Mapping[str, str]) -> dict[str, str]:
    """The choices of the form; those for statuses that it does not have stay."""
    fields = {key for key in request.form if key.startswith("on-")}
    texts = (f"{key.removeprefix('on-')}={forms.text(key)}" for key in sorted(fields))
    return throttling.parse_on_status(texts, current)


@dataclass(frozen=True)
class Dot:
    """A point on the line of a retry schedule; ``x`` is from 0 to WIDTH."""

    x: float
    label: str


def schedule_words(waits: Sequence[float]) -> str:
    """A retry schedule as a sentence.  ``waits`` are the seconds between attempts."""
    times = [duration(wait) for wait in waits]
    return _(
        "%(count)s attempts over %(time)s: immediately, then after %(waits)s.",
        count=len(waits) + 1,
        time=spoken(sum(waits)),
        waits=join_words(times, _("and")),
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
    total, at, dots = sum(waits), 0.0, [Dot(10, _("first attempt"))]
    for number, wait in enumerate(waits, 2):
        at += wait
        words = _("attempt %(number)s: %(time)s after the first", number=number, time=spoken(at))
        dots.append(Dot(_x(at, total), words))
    return dots


@dataclass(frozen=True)
class RetryDot:
    """An attempt of one delivery on its retry schedule.  ``state``: ``done``, ``next`` or ``later``."""

    x: float
    state: str
    label: str


def retry_dots(waits: Sequence[float], made: int, due_at: datetime, zone: tzinfo) -> list[RetryDot]:
    """The schedule of a delivery after ``made`` attempts, with the next one at ``due_at``.

    Later ones are given as they are planned: each wait begins when the attempt before it failed.
    """
    dots, at = [], due_at
    for number, dot in enumerate(schedule_dots(waits), 1):
        if number <= made:
            dots.append(RetryDot(dot.x, "done", _("Attempt %(number)s: made", number=number)))
            continue
        if number > made + 1:
            at += timedelta(seconds=waits[number - 2])
        when = day_and_time(at.astimezone(zone), weekday=True)
        state = "next" if number == made + 1 else "later"
        words = (
            _("Attempt %(number)s: next, %(time)s", number=number, time=when)
            if state == "next"
            else _("Attempt %(number)s: if it is needed, about %(time)s", number=number, time=when)
        )
        dots.append(RetryDot(dot.x, state, words))
    return dots


def delivery_dots(delivery: Any, waits: Sequence[float]) -> list[RetryDot]:
    """The retry schedule of a pending delivery, in the time zone of the person."""
    return retry_dots(waits, delivery.attempts_since_replay, delivery.due_at, current_zone())


def schedule_marks(waits: Sequence[float]) -> list[Dot]:
    """The marks of 1 minute, 1 hour and 1 day that lie within the schedule."""
    total = sum(waits)
    return [Dot(_x(one, total), duration(one)) for one in MARKS if one < total * 0.9]


def on_status_words(destination: Destination) -> str:
    """What a person chose to do after an HTTP status; empty if all defaults apply."""
    chosen = sorted((destination.on_status or {}).items())
    return "; ".join(f"{key}: {_(SHORT[StatusAction(action)])}" for key, action in chosen)


def rate_words(destination: Destination) -> str:
    if not destination.rate_count:
        return _("No limit")
    return _(
        "At most %(count)s per %(unit)s, spread evenly",
        count=destination.rate_count,
        unit=_(destination.rate_unit or ""),
    )


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
    kind = destination_settings.kind_of(destination.kind)
    chosen = destination.on_status or {}
    if request.method == "POST":
        chosen = posted_on_status(chosen)
    values = {
        "rate_count": destination.rate_count,
        "rate_unit": destination.rate_unit or "second",
        "concurrency": destination.concurrency,
        "schedule": throttling.schedule_name(waits),
        "own": _as_entered(waits),
    }
    return render_template(
        "destinations/throttling.html",
        destination=destination,
        kind=kind,
        status_choices=status_choices(kind, chosen),
        actions=[(action, _(words)) for action, words in ACTIONS.items()],
        values=values | (forms.posted() if request.method == "POST" else {}),
        errors=errors or {},
        schedules=SCHEDULES,
        names=NAMES,
        units=list(UNITS),
        concurrency_field=CONCURRENCY,
    )


def _as_entered(waits: Sequence[float]) -> str:
    """Waiting times as ``throttling.parse_schedule`` reads them, in every language: ``5 s, 1 day``."""
    with in_language(SOURCE):
        return ", ".join(duration(wait) for wait in waits)


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
            posted_on_status(destination.on_status or {}),
        )
        throttling.set_throttling(destination_id, settings, guard.current_by())
    except Invalid as exc:
        return _page(destination, exc.reasons), 422
    htmx.toast(_("Saved. The change applies from the next request."))
    return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))


@blueprint.post("/try-now")
@guard.requires("support")
def try_now(destination_id: int) -> Any:
    destination = throttling.try_now(destination_id, guard.current_by())
    htmx.toast(_("Trying %(name)s now.", name=destination.name))
    return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))


def init_app(app: Flask) -> None:
    words = (schedule_words, schedule_dots, schedule_marks, rate_words, status_of, spoken)
    for word in (*words, on_status_words, delivery_dots):
        app.add_template_filter(word)
    app.add_template_filter(throttling.waits_of)
