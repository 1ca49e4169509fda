"""What can be selected for a replay, and what the replay would do."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any

from sqlalchemy import BigInteger, ScalarSelect, and_, case, func, literal, select, text, tuple_
from sqlalchemy.orm import joinedload

from relay import database, exact_json
from relay.delivery import gate
from relay.delivery.message import (
    kind_and_config,
    load_site_key,
    message_of,
    requests_of,
    with_texts,
)
from relay.delivery.payload import parse_payload
from relay.destinations import KINDS
from relay.destinations.redaction import mask_request
from relay.errors import RelayError
from relay.i18n import N_, _
from relay.models import (
    Attempt,
    DeadLetter,
    Delivery,
    Destination,
    DestinationVersion,
    Event,
    MappingVersion,
    Source,
    Subscription,
    db,
)
from relay.public_url import relay_url
from relay.rules.lifecycle import State
from relay.rules.rate import interval_of
from relay.rules.states import AttemptOutcome, DestinationState, ReplayMapping, SubscriptionState
from relay.services.ai import steps as ai_steps
from relay.services.dead_letters.selection import Selection
from relay.services.deliveries import find_delivery
from relay.services.destinations.settings import find_destination
from relay.services.replays.actions import FINAL, ReplaySelection

PREVIEWED = 2_000  # of a larger selection, the newest are examined
CHECKED = 50  # how many are built as a check
CLOSE_BY = timedelta(minutes=1)
UNCLEAR = ("timeout", "connection_lost", "no_answer")  # it is unknown whether it arrived


def select_dead_letters(selection: Selection) -> ReplaySelection:
    """The deliveries of the selected dead letters."""
    chosen = select(DeadLetter.delivery_id).where(DeadLetter.id.in_(selection.statement()))
    return ReplaySelection(chosen, selection.title())


def select_since(
    destination: int | str, begin: datetime, delivered_too: bool = False
) -> ReplaySelection:
    """A destination's deliveries since then that failed, or also delivered ones.  Raises NotFound."""
    to = find_destination(destination)
    states = FINAL if delivered_too else (State.DEAD,)
    chosen = select(Delivery.id).where(
        Delivery.destination_id == to.id,
        Delivery.id >= first_since(begin),
        Delivery.created_at >= begin,
        Delivery.state.in_(states),
    )
    title = (
        N_("All deliveries to %(name)s since %(time)s UTC")
        if delivered_too
        else N_("All failed deliveries to %(name)s since %(time)s UTC")
    )
    return ReplaySelection(chosen, title % {"name": to.name, "time": f"{begin:%Y-%m-%d %H:%M}"})


def first_since(begin: datetime) -> ScalarSelect[int]:
    """An id with no delivery since ``begin`` below it, found by halving: no index has their times.

    Ids are assigned in the order of time, except for deliveries that are written at the same moment.
    """
    newest = select(func.coalesce(func.max(Delivery.id), 0)).scalar_subquery()
    half = select(literal(0, BigInteger).label("low"), newest.label("high")).cte(
        "half", recursive=True
    )
    middle = (half.c.low + half.c.high + 1) // 2
    created_at = (
        select(Delivery.created_at)
        .where(Delivery.id <= middle)
        .order_by(Delivery.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    is_before = created_at < begin - CLOSE_BY
    half = half.union_all(
        select(
            case((is_before, middle), else_=half.c.low),
            case((is_before, half.c.high), else_=middle - 1),
        ).where(half.c.low < half.c.high)
    )
    return select(half.c.low).where(half.c.low >= half.c.high).limit(1).scalar_subquery()


def select_delivery(delivery_id: int) -> ReplaySelection:
    """A single delivery.  Raises NotFound."""
    found = find_delivery(delivery_id)
    chosen = select(Delivery.id).where(Delivery.id == found.id)
    event, to = found.event, found.destination.name
    return ReplaySelection(chosen, f"{event.event_type} {event.event_id} to {to}")  # i18n: keep


@dataclass(frozen=True)
class ReplayPreview:
    """What a replay would do at one destination."""

    destination: Destination
    new: int  # never arrived
    unclear: int  # may have arrived: no answer
    again: int  # arrived before
    skipped: dict[str, int]  # why -> how many
    broken: dict[str, int]  # of those checked: why it cannot be built -> how many
    looked_at: int
    seconds: float | None  # within the destination's rate limit

    @property
    def total(self) -> int:
        return self.new + self.unclear + self.again

    @property
    def skips(self) -> list[tuple[str, int]]:
        """-> (why, as a sentence for a page; how many)"""
        return [(_(SENTENCES[why]), count) for why, count in self.skipped.items()]

    @property
    def sentence(self) -> str:
        """One line, for the command line."""
        counts = {
            "would arrive for the first time": self.new,
            "may have arrived already": self.unclear,
            "arrived before and would be sent again": self.again,
            **{f"would be skipped ({why})": count for why, count in self.skipped.items()},
            **{f"cannot be built: {why}": count for why, count in self.broken.items()},
        }
        said = ", ".join(
            f"{count} {words}" for words, count in counts.items() if count
        )  # i18n: keep
        return said or "nothing would be sent"

    @property
    def repeats(self) -> str:
        """What its kind does with a duplicate."""
        return KINDS[self.destination.kind].duplicate_note if self.destination.kind in KINDS else ""


SKIPS = {
    State.PENDING: "already in progress",
    State.IN_FLIGHT: "already in progress",
    State.DISCARDED: "discarded",
}
NO_DESTINATION = "its destination was removed"
NO_SUBSCRIPTION = "its subscription was removed"
NO_SITE = "its site was removed"
NO_DATA = "the personal data of its event was deleted"
SENTENCES = {  # of the words above
    SKIPS[State.PENDING]: N_("Already in progress."),
    SKIPS[State.DISCARDED]: N_("Discarded."),
    NO_DESTINATION: N_("Its destination was removed."),
    NO_SUBSCRIPTION: N_("Its subscription was removed."),
    NO_SITE: N_("Its site was removed."),
    NO_DATA: N_("The personal data of its event was deleted."),
}


@dataclass(frozen=True)
class ReplayDryRun:
    """What a replay would do.  ``is_cut``: there are more deliveries than the examined ``ids``."""

    places: list[ReplayPreview]
    ids: list[int]
    is_cut: bool

    @property
    def total(self) -> int:
        return sum(place.total for place in self.places)


def dry_run(
    selected: ReplaySelection,
    mapping: str = ReplayMapping.CURRENT,
    most: int | None = PREVIEWED,
) -> ReplayDryRun:
    """Changes nothing and sends nothing.  ``most`` None examines all, whatever it costs."""
    found = selected.newest(None if most is None else most + 1)
    ids = found[:most]
    return ReplayDryRun(_places(ids, mapping), ids, len(found) > len(ids))


def _places(ids: Sequence[int], mapping: str) -> list[ReplayPreview]:
    unsure = (
        select(Attempt.id)
        .where(
            Attempt.delivery_id == Delivery.id,
            (Attempt.outcome == AttemptOutcome.LOST) | Attempt.code.in_(UNCLEAR),
        )
        .exists()
    )
    rows = db.session.execute(
        select(
            Delivery.destination_id,
            Subscription.state.label("subscription"),
            gate.is_from_removed_site().label("from_removed_site"),
            Event.emptied_at.is_not(None).label("emptied"),
            Delivery.state,
            func.count(),
            func.sum(case((and_(Delivery.state == State.DEAD, unsure), 1), else_=0)),
        )
        .join(Subscription, Subscription.id == Delivery.subscription_id)
        .join(Destination, Destination.id == Delivery.destination_id)
        .join(Event, Event.id == Delivery.event_pk)
        .join(Source, Source.id == Event.source_id)
        .where(database.one_of_ids(Delivery.id, ids))
        .group_by(
            Delivery.destination_id,
            Subscription.state,
            text("from_removed_site"),
            text("emptied"),
            Delivery.state,
        )
    ).all()
    destinations = db.session.scalars(
        select(Destination)
        .where(Destination.id.in_({row[0] for row in rows}))
        .order_by(Destination.id)
    ).all()
    deliveries = _newest_by_destination(ids)
    parts = _PreviewParts([one for chosen in deliveries.values() for one in chosen], mapping)
    found = []
    for to in destinations:
        dead = unclear = again = 0
        skipped: Counter[str] = Counter()
        for of, subscription, from_removed_site, emptied, state, count, unsure_count in rows:
            if of != to.id:
                continue
            if state in SKIPS:
                skipped[SKIPS[state]] += count
            elif to.state == DestinationState.CLOSED:
                skipped[NO_DESTINATION] += count
            elif subscription == SubscriptionState.CLOSED:
                skipped[NO_SUBSCRIPTION] += count
            elif from_removed_site:
                skipped[NO_SITE] += count
            elif emptied:
                skipped[NO_DATA] += count
            elif state == State.DEAD:
                dead, unclear = dead + count, unclear + unsure_count
            else:
                again += count
        chosen = deliveries.get(to.id, []) if dead + again else []
        broken, looked_at = _why_broken(chosen, parts), len(chosen)
        pace = interval_of(to.rate_count, to.rate_unit)
        found.append(
            ReplayPreview(
                to,
                dead - unclear,
                unclear,
                again,
                skipped,
                broken,
                looked_at,
                (dead + again) * pace if pace else None,
            )
        )
    return found


LOADED = (
    joinedload(Delivery.event).joinedload(Event.source),
    joinedload(Delivery.destination),
    joinedload(Delivery.subscription),
)


def samples(ids: Sequence[int], limit: int = CHECKED) -> list[Delivery]:
    """The newest of ``ids`` that would be sent, with event, source and destination."""
    takes = ReplaySelection.takes(ids)
    chosen = select(Delivery).where(takes).order_by(Delivery.id.desc()).limit(limit)
    return list(db.session.scalars(chosen.options(*LOADED)))


def _newest_by_destination(ids: Sequence[int]) -> dict[int, list[Delivery]]:
    """The newest CHECKED deliveries to each destination, in one statement."""
    order = func.row_number().over(
        partition_by=Delivery.destination_id, order_by=Delivery.id.desc()
    )
    numbered = (
        select(Delivery.id, order.label("number")).where(ReplaySelection.takes(ids)).subquery()
    )
    found: dict[int, list[Delivery]] = {}
    for delivery in db.session.scalars(
        select(Delivery)
        .join(numbered, numbered.c.id == Delivery.id)
        .where(numbered.c.number <= CHECKED)
        .order_by(Delivery.id.desc())
        .options(*LOADED)
    ):
        found.setdefault(delivery.destination_id, []).append(delivery)
    return found


def _why_broken(deliveries: Sequence[Delivery], parts: _PreviewParts) -> dict[str, int]:
    """How many of the deliveries cannot be built, by the reason."""
    broken: dict[str, int] = {}
    for delivery in deliveries:
        try:
            _requests(delivery, parts)
        except RelayError as exc:
            broken[str(exc)] = broken.get(str(exc), 0) + 1
    return broken


class _PreviewParts:
    """What deliveries are built from, read for all of them at once."""

    def __init__(self, deliveries: Sequence[Delivery], mapping: str):
        self.is_original = mapping == ReplayMapping.ORIGINAL
        self.answers = ai_steps.last_answers([delivery.id for delivery in deliveries])
        self.rules = _rules_of({self.rules_key(delivery) for delivery in deliveries})
        self.configs = (
            _configs_of({(delivery.destination_id, delivery.version) for delivery in deliveries})
            if self.is_original
            else {}
        )
        self.site_key = cache(partial(load_site_key, db.session.connection()))
        self.kind_and_config = cache(kind_and_config)

    def rules_key(self, delivery: Delivery) -> tuple[int, int]:
        """-> (subscription, version of its mapping)"""
        current = delivery.subscription.version
        number = delivery.mapping_version if self.is_original else None
        return delivery.subscription_id, number or current


def _rules_of(keys: Set[tuple[int, int]]) -> dict[tuple[int, int], dict[str, Any]]:
    """The mappings of (subscription, version)."""
    version = MappingVersion
    rows = db.session.execute(
        select(version.subscription_id, version.number, version.rules).where(
            tuple_(version.subscription_id, version.number).in_(keys)
        )
    )
    return {(subscription_id, number): rules for subscription_id, number, rules in rows}


def _configs_of(keys: Set[tuple[int, int | None]]) -> dict[tuple[int, int], dict[str, Any]]:
    """The settings of (destination, version)."""
    version = DestinationVersion
    rows = db.session.execute(
        select(version.destination_id, version.number, version.config).where(
            tuple_(version.destination_id, version.number).in_(keys)
        )
    )
    return {(destination_id, number): config for destination_id, number, config in rows}


def _requests(delivery: Delivery, parts: _PreviewParts) -> list[dict[str, Any]]:
    """The calls that would be made, secrets masked.  Raises RelayError."""
    kind, config = parts.kind_and_config(delivery.destination)
    if parts.is_original and delivery.version is not None:
        old = parts.configs.get((delivery.destination_id, delivery.version), {})
        config = with_texts(kind, config, old)
    event = delivery.event
    message = message_of(
        parse_payload(event.payload),
        event.received_at,
        event.source.name,
        event.source.url,
        delivery.key,
        site_key=parts.site_key(event.source_id) if kind.signs_for_site else None,
        public_url=relay_url(),
    )
    message = replace(message, ai=parts.answers.get(delivery.id, {}))
    rules = parts.rules.get(parts.rules_key(delivery), {})
    calls = requests_of(kind, config, message, rules.get(event.event_type))
    return [mask_request(call) for call in calls]


def body_of(
    delivery: Delivery,
    mapping: str,
    show: Callable[[dict[str, Any]], Mapping[str, Any]] = lambda call: call,
    tell: Callable[[str], str] = lambda sentence: sentence,
) -> list[str]:
    """The lines of all that would go out, or the sentence why nothing would.

    ``show`` and ``tell`` change a call and a sentence for a person who may not see personal data.
    """
    try:
        calls = _requests(delivery, _PreviewParts([delivery], mapping))
    except RelayError as exc:
        return [tell(str(exc))]
    lines: list[str] = []
    for call in map(show, calls):
        body = str(call.get("body", ""))
        try:
            body = exact_json.dumps(exact_json.loads(body), indent=2)
        except ValueError:
            pass
        lines += [f"{call['method']} {call['url']}"] if len(calls) > 1 else []  # i18n: keep
        lines += body.splitlines()
    return lines


@dataclass(frozen=True)
class DiffLine:
    """One line of a comparison; an empty side has nothing there."""

    left: str
    right: str
    same: bool


def compare(left: list[str], right: list[str]) -> Iterator[DiffLine]:
    """Side by side, what differs next to each other."""
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        olds, news = left[a:b], right[c:d]
        for n in range(max(len(olds), len(news))):
            old = olds[n] if n < len(olds) else ""
            new = news[n] if n < len(news) else ""
            yield DiffLine(old, new, tag == "equal")


def mappings_differ(ids: Sequence[int]) -> bool:
    """Whether any of them was last tried with other settings or another mapping than today's."""
    return bool(
        db.session.scalar(
            select(Delivery.id)
            .join(Destination, Destination.id == Delivery.destination_id)
            .join(Subscription, Subscription.id == Delivery.subscription_id)
            .where(
                ReplaySelection.takes(ids),
                (Delivery.version != Destination.version)
                | (Delivery.mapping_version != Subscription.version),
            )
            .limit(1)
        )
    )
