"""Dead letters: failed deliveries, until a person replays or discards them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from relay import broker, database
from relay.delivery import gate
from relay.delivery.life_columns import apply_transition, life_of
from relay.errors import IllegalTransition, NotFound, Refusal
from relay.i18n import N_, _
from relay.models import DeadLetter, Delivery, Destination, Event, Replay, Source, db
from relay.models.delivery import LIVE
from relay.rules.lifecycle import Discarded, Replayed, Signal, transition
from relay.rules.states import (
    DeadLetterState,
    DestinationState,
    Resolution,
    SourceState,
    SubscriptionState,
)
from relay.services.audit import By, record
from relay.services.dead_letters.selection import Selection, unresolved
from relay.services.paging import Page, count_some, page_of

LOADED = (
    joinedload(DeadLetter.delivery).joinedload(Delivery.event).joinedload(Event.source),
    joinedload(DeadLetter.destination),
)


# What was removed, so that a delivery can never be sent again.
REMOVED = {
    "destination": N_("The destination of this delivery was removed, so it cannot be sent again."),
    "subscription": N_(
        "The subscription of this delivery was removed, so it cannot be sent again."
    ),
    "site": N_("The site of this delivery was removed, so it cannot be sent again."),
}


def count(selection: Selection) -> int:
    """How many of the selected dead letters are unresolved."""
    wanted = select(func.count()).select_from(selection.statement().subquery())
    return db.session.scalar(wanted) or 0


def count_shown(selection: Selection) -> int:
    """The same for a page: COUNTED + 1 if there are more than COUNTED."""
    return count_some(selection.statement())


def list_letters(
    selection: Selection | None = None, limit: int = 50, after: int | None = None
) -> Page[DeadLetter]:
    """Newest first, with delivery, event, source and destination loaded."""
    chosen = selection or Selection()
    return page_of(chosen.listing(), DeadLetter.id, limit, after, *LOADED)


def oldest(destination_id: int) -> datetime | None:
    """When the first of a destination's failed deliveries was created."""
    return db.session.scalar(
        select(func.min(Delivery.created_at))
        .join(DeadLetter, DeadLetter.delivery_id == Delivery.id)
        .where(DeadLetter.destination_id == destination_id, unresolved())
    )


def codes() -> list[str]:
    """The codes of unresolved dead letters."""
    return sorted(db.session.scalars(select(DeadLetter.code).where(unresolved()).distinct()))


def fields() -> list[str]:
    """The fields that destinations named in unresolved dead letters."""
    named = select(DeadLetter.field).where(unresolved(), DeadLetter.field != "").distinct()
    return sorted(db.session.scalars(named))


def record_export(count: int, by: By) -> None:
    """Write to the audit log who exported how many dead letters.  Commits."""
    record(by, "dead_letter.export", f"{count} failed deliveries")  # i18n: keep
    db.session.commit()


def table(selection: Selection, with_payload: bool = False) -> Iterator[tuple[Any, ...]]:
    """All matching rows, newest first, with the columns of the export.

    ``with_payload`` adds the event's body as the last column.
    """
    chosen = selection.listing().with_only_columns(DeadLetter.id)
    rows = db.session.execute(
        select(
            *(DeadLetter.id, DeadLetter.created_at, Event.event_id, Event.event_type, Source.name),
            *(Destination.name, DeadLetter.code, DeadLetter.field, DeadLetter.sentence),
            *(Delivery.attempts, DeadLetter.state, DeadLetter.owner, DeadLetter.note),
            *(DeadLetter.resolution, DeadLetter.reason),
            *((Event.payload,) if with_payload else ()),
        )
        .join(Delivery, Delivery.id == DeadLetter.delivery_id)
        .join(Event, Event.id == Delivery.event_pk)
        .join(Source, Source.id == Event.source_id)
        .join(Destination, Destination.id == DeadLetter.destination_id)
        .where(DeadLetter.id.in_(chosen))
        .order_by(DeadLetter.id.desc())
        .execution_options(yield_per=1000)
    )
    for number, dead_at, *rest in rows:
        yield (number, f"{dead_at:%Y-%m-%d %H:%M:%S}", *rest)


def find_dead_letter(dead_letter_id: int) -> DeadLetter:
    """With its delivery, event, source and destination.  Raises NotFound."""
    letter = db.session.get(DeadLetter, dead_letter_id, options=LOADED)
    if letter is None:
        raise NotFound(_("There is no dead letter %(number)s.", number=dead_letter_id))
    return letter


def find_open(dead_letter_id: int) -> DeadLetter:
    """Raises NotFound, and Refusal if it is resolved."""
    letter = find_dead_letter(dead_letter_id)
    if letter.state == DeadLetterState.RESOLVED:
        raise Refusal(
            _("Dead letter %(number)s is already resolved. Nothing was changed.", number=letter.id)
        )
    return letter


def replay(dead_letter_id: int, by: By) -> Delivery:
    """Send a failed delivery again, with all attempts of its retry schedule.

    Pressed twice, it is sent once.  Raises NotFound, Refusal.
    """
    delivery = _settle(dead_letter_id, by, Replayed(), "dead_letter.replay")
    broker.nudge("drain_destination", delivery.destination_id)
    return delivery


def discard(dead_letter_id: int, by: By, reason: str = "") -> Delivery:
    """Discard it.  ``reason`` is stored in the audit trail.  Raises NotFound, Refusal."""
    return _settle(dead_letter_id, by, Discarded(), "dead_letter.discard", reason)


def check_can_be_sent(delivery: Delivery) -> None:
    """Raises Refusal if its destination, subscription or site was removed, or its event's data."""
    noun = removed_noun(delivery)
    if noun:
        db.session.rollback()
        raise Refusal(_(REMOVED[noun]))
    if delivery.event.emptied_at is not None:
        db.session.rollback()
        raise Refusal(
            _(
                "Relay deleted the personal data of this event, so it cannot be sent again. Discard the "
                "failed delivery."
            )
        )


def removed_noun(delivery: Delivery) -> str:
    """What was removed, so that the delivery can never be sent again; empty if it can be."""
    if delivery.destination.state == DestinationState.CLOSED:
        return "destination"
    if delivery.subscription.state == SubscriptionState.CLOSED:
        return "subscription"
    source = delivery.event.source
    if source.state == SourceState.CLOSED and (
        source.discard_waiting or gate.answers_site(delivery.destination.kind)
    ):
        return "site"
    return ""


def on_its_own(delivery: Delivery) -> None:
    """Take it out of its replay, so that pausing or cancelling that does not hold it.

    Joins the caller's transaction.
    """
    if delivery.replay_id is not None:
        replay = db.session.get(Replay, delivery.replay_id, with_for_update=True)
        if replay is not None and replay.ended_at is None:
            replay.withdrawn += 1
    delivery.replay_id, delivery.priority = None, LIVE
    delivery.pinned_version = delivery.pinned_mapping = None


def _settle(dead_letter_id: int, by: By, signal: Signal, action: str, reason: str = "") -> Delivery:
    letter = find_dead_letter(dead_letter_id)
    delivery = db.session.scalar(
        select(Delivery)
        .where(Delivery.id == letter.delivery_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    assert delivery is not None
    db.session.refresh(letter)
    if letter.state == DeadLetterState.RESOLVED:
        db.session.rollback()
        raise Refusal(_("This failed delivery is already resolved. Nothing was sent again."))
    if isinstance(signal, Replayed):
        check_can_be_sent(delivery)
    now = database.now(db.session)
    try:
        outcome = transition(life_of(delivery), signal, now)
    except IllegalTransition as exc:
        db.session.rollback()
        raise Refusal(_("This delivery is already being sent again. Nothing was changed.")) from exc
    apply_transition(delivery, outcome, now)
    if isinstance(signal, Replayed):
        on_its_own(delivery)
    letter.state, letter.resolved_at, letter.reason = DeadLetterState.RESOLVED, now, reason
    letter.resolution = (
        Resolution.REPLAYED if isinstance(signal, Replayed) else Resolution.DISCARDED
    )
    detail = {"reason": reason[:500]} if reason else {}
    record(by, action, f"delivery {delivery.id}", dead_letter=letter.id, **detail)
    db.session.commit()
    return delivery
