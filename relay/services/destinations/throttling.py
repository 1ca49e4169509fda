"""Throttling: rate limit, concurrency, retry schedule and what to do after an HTTP status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pytimeparse2 import parse

from relay import broker, database
from relay.delivery import gate
from relay.destinations.base import Kind
from relay.errors import Invalid, Refusal
from relay.i18n import _
from relay.models import Destination, db
from relay.rules.circuit import CircuitState
from relay.rules.lifecycle import DEFAULT_POLICY
from relay.rules.on_status import STATUS, StatusAction
from relay.rules.rate import MAX_CONCURRENCY, UNITS
from relay.rules.states import DestinationState
from relay.services.audit import By, record
from relay.services.destinations.settings import find_destination, kind_of

MIN, HOUR, DAY = 60.0, 3600.0, 86400.0
DEFAULT = "default"  # on the command line and in the form: what the kind does
MOST_CALLS, MOST_WAITS, LONGEST_S = 100_000, 30, 30 * DAY
# name: waits in seconds after each failed attempt
SCHEDULES: Mapping[str, tuple[float, ...]] = {
    "patient": DEFAULT_POLICY.delays_s,
    "long": (5, 5 * MIN, 30 * MIN, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, DAY),
    "quick": (5, 30, MIN, 5 * MIN, 10 * MIN, 15 * MIN, 30 * MIN),
}


@dataclass(frozen=True)
class Throttling:
    """``rate_count`` calls per ``rate_unit`` (None: no limit), ``concurrency`` calls at once,
    ``waits`` seconds between attempts (None: the default schedule), ``on_status`` what a person chose
    to do after an HTTP status (see ``relay.rules.on_status``).
    """

    rate_count: int | None = None
    rate_unit: str | None = None
    concurrency: int = 4
    waits: tuple[float, ...] | None = None
    on_status: Mapping[str, str] = field(default_factory=dict)


def throttling_of(destination: Destination) -> Throttling:
    return Throttling(
        destination.rate_count,
        destination.rate_unit,
        destination.concurrency,
        tuple(destination.retry_waits) if destination.retry_waits else None,
        destination.on_status or {},
    )


def waits_of(destination: Destination) -> tuple[float, ...]:
    """Seconds between the attempts, whether chosen or by default."""
    return gate.policy_of(destination).delays_s


def schedule_name(waits: tuple[float, ...]) -> str:
    """``patient``, ``long``, ``quick`` or ``own``."""
    return next((name for name, known in SCHEDULES.items() if known == waits), "own")


def parse_rate(text: str) -> tuple[int | None, str | None]:
    """``10/second``, ``60/minute``, ``1000/hour`` or ``none``.  Raises Invalid."""
    if text.strip().lower() in ("", "none"):
        return None, None
    count, _slash, unit = text.partition("/")
    unit = unit.strip().lower().removeprefix("per ").removesuffix("s")
    if not (count.strip().isascii() and count.strip().isdigit() and len(count) < 8):
        raise Invalid({"rate": [_("Write the rate limit as 10/second, 60/minute or 1000/hour.")]})
    return int(count), unit


def parse_schedule(text: str) -> tuple[float, ...] | None:
    """A schedule's name, or waits such as ``5 s, 5 min, 2 h``; ``patient`` is the default (None).

    Raises Invalid.
    """
    name = text.strip().lower()
    if name in ("", "patient"):
        return None
    if name in SCHEDULES:
        return SCHEDULES[name]
    waits = []
    for part in filter(None, (part.strip() for part in text.replace(";", ",").split(","))):
        seconds = parse(f"{part} s" if part.isdigit() else part)
        if not isinstance(seconds, int | float) or seconds < 1:
            sentence = _(
                "“%(text)s” is not a time. Write times such as 30 s, 5 min, 2 h or 1 day.",
                text=part,
            )
            raise Invalid({"schedule": [sentence]})
        waits.append(float(seconds))
    if not 1 <= len(waits) <= MOST_WAITS:
        raise Invalid(
            {
                "schedule": [
                    _(
                        "Enter 1 to %(most)s times, separated by commas.",
                        most=MOST_WAITS,
                    )
                ]
            }
        )
    if sum(waits) > LONGEST_S:
        raise Invalid({"schedule": [_("The times must not add up to more than 30 days.")]})
    return tuple(waits)


def parse_on_status(texts: Iterable[str], current: Mapping[str, str]) -> dict[str, str]:
    """``current`` with choices such as ``404=retry``; ``404=default`` removes one.  Raises Invalid."""
    found = dict(current)
    for text in texts:
        status, _, action = (part.strip().lower() for part in text.partition("="))
        if action == DEFAULT:
            found.pop(status, None)
        else:
            found[status] = action
    return found


def check_on_status(kind: Kind, choices: Mapping[str, str]) -> None:
    """Raises Invalid."""
    reasons = []
    if choices and not (kind.answers_http and kind.takes_events):
        reasons.append(
            _("%(name)s has no HTTP status, so there is nothing to choose.", name=kind.name)
        )
    for status, action in choices.items():
        if not STATUS.fullmatch(status):
            reasons.append(
                _(
                    "“%(status)s” is not a status such as 404, or a class such as 5xx.",
                    status=status,
                )
            )
        elif action not in list(StatusAction):
            actions = ", ".join([*StatusAction, DEFAULT])
            reasons.append(
                _(
                    "After %(status)s, “%(action)s” is not possible. Choose one of %(actions)s.",
                    status=status,
                    action=action,
                    actions=actions,
                )
            )
    if reasons:
        raise Invalid({"on_status": reasons})


def check(pacing: Throttling) -> None:
    """Raises Invalid with the reasons per field."""
    reasons: dict[str, list[str]] = {}
    if pacing.rate_count is not None:
        if not 1 <= pacing.rate_count <= MOST_CALLS:
            reasons["rate"] = [
                _(
                    "Enter a number from 1 to %(most)s, or leave it empty for no limit.",
                    most=MOST_CALLS,
                )
            ]
        elif pacing.rate_unit not in UNITS:
            reasons["rate"] = [_("A rate limit is per second, per minute or per hour.")]
    if not 1 <= pacing.concurrency <= MAX_CONCURRENCY:
        reasons["concurrency"] = [_("Enter a number from 1 to %(most)s.", most=MAX_CONCURRENCY)]
    if reasons:
        raise Invalid(reasons)


def set_throttling(id_or_name: int | str, pacing: Throttling, by: By) -> Destination:
    """Applies from the next call, in every worker.  Raises NotFound, Invalid."""
    destination = find_destination(id_or_name)
    check(pacing)
    check_on_status(kind_of(destination.kind), pacing.on_status)
    before, choices = throttling_of(destination).on_status, dict(pacing.on_status)
    destination.rate_count = pacing.rate_count
    destination.rate_unit = pacing.rate_unit if pacing.rate_count else None
    destination.concurrency = pacing.concurrency
    destination.retry_waits = list(pacing.waits) if pacing.waits else None
    destination.on_status = choices or None
    destination.paced_until = None  # a slot far ahead was computed from the old limit
    record(
        by,
        "destination.pace",
        destination.name,
        rate=f"{pacing.rate_count}/{pacing.rate_unit}" if pacing.rate_count else "none",
        concurrency=pacing.concurrency,
        retry_after_s=pacing.waits,
        **({"on_status": choices, "on_status_before": before} if choices != before else {}),
    )
    db.session.commit()
    broker.nudge("drain_destination", destination.id)
    return destination


def try_now(id_or_name: int | str, by: By) -> Destination:
    """Send the next delivery at once, although the circuit is open or the destination asked for a
    pause.

    Raises NotFound, Refusal.
    """
    destination = find_destination(id_or_name)
    if destination.state == DestinationState.PAUSED:
        raise Refusal(_("%(name)s is paused. Resume it instead.", name=destination.name))
    now = database.now(db.session)
    if destination.circuit == CircuitState.OPEN:
        destination.circuit_until = now
    destination.held_until, destination.held_reason = None, ""
    record(by, "destination.try_now", destination.name)
    db.session.commit()
    broker.nudge("drain_destination", destination.id)
    return destination
