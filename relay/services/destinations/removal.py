"""Removing a destination: a preview, and the removal.

The row stays with state ``closed``, so that events, deliveries and the ledger keep the name of
where they went.  Its secrets are erased, its name is free for reuse, and open deliveries are
discarded.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, delete, literal, or_, select, update
from sqlalchemy.orm import joinedload, selectinload

from relay import database
from relay.database import READ_ONLY
from relay.errors import Refusal
from relay.i18n import N_, _
from relay.models import AiStep, DeadLetter, Delivery, Destination, Quota, Subscription, db
from relay.models.delivery import is_unfinished
from relay.rules.lifecycle import Discarded, State
from relay.rules.states import DestinationState, SubscriptionState
from relay.services.alerts import state as alerts
from relay.services.audit import By, record
from relay.services.dead_letters import bulk
from relay.services.dead_letters.selection import Selection, unresolved
from relay.services.deliveries import count_open
from relay.services.destinations.settings import find_destination
from relay.services.paging import count_some
from relay.services.subscriptions.settings import sentence_of
from relay.services.transitions import transition_many

LONGEST_NAME = 120
REASON = N_("The destination was removed.")


@dataclass(frozen=True)
class DestinationRemoval:
    """What the removal changes; each number goes to COUNTED + 1, which stands for more.

    ``pending`` and ``failed`` deliveries are discarded.  ``in_flight`` deliveries have been
    claimed; a call that has already started finishes.  ``asked_by`` are the subscriptions with an
    AI step that asks this destination, as sentences; while there are any, it cannot be removed.
    ``kept`` deliveries stay on record.
    """

    destination: Destination
    pending: int
    in_flight: int
    failed: int
    subscriptions: int
    asked_by: tuple[str, ...]
    kept: int


def preview(id_or_name: int | str) -> DestinationRemoval:
    """What ``remove`` would do now; changes nothing.  Raises NotFound."""
    return _summarize(find_destination(id_or_name))


def _summarize(destination: Destination) -> DestinationRemoval:
    counts = count_open([destination.id])[destination.id]
    of_it = Delivery.destination_id == destination.id
    in_flight = and_(of_it, is_unfinished(), Delivery.state == State.IN_FLIGHT.value)
    calls = count_some(select(literal(1)).where(in_flight))
    return DestinationRemoval(
        destination=destination,
        pending=counts["waiting"] - calls,
        in_flight=calls,
        failed=counts["dead"],
        subscriptions=len(destination.subscriptions),
        asked_by=tuple(sentence_of(one) for one in asking(destination.id)),
        kept=count_some(select(literal(1)).where(of_it)),
    )


def asking(destination_id: int) -> list[Subscription]:
    """The subscriptions with an AI step that asks this destination."""
    return list(
        db.session.scalars(
            select(Subscription)
            .join(AiStep, AiStep.subscription_id == Subscription.id)
            .join(Destination, Destination.id == Subscription.destination_id)
            .where(
                AiStep.destination_id == destination_id,
                Subscription.state != SubscriptionState.CLOSED,
                Destination.state != DestinationState.CLOSED,
            )
            .order_by(Subscription.id)
            .options(joinedload(Subscription.destination), selectinload(Subscription.sources))
        )
    )


def remove(id_or_name: int | str, by: By) -> DestinationRemoval:
    """Remove it in one transaction.  -> what was there before.

    Raises NotFound, and Refusal while AI steps ask it.
    """
    # Routers and drains lock a subscription before they touch its destination; so does this.
    ours = Subscription.destination_id == find_destination(id_or_name).id
    db.session.execute(
        select(Subscription.id).where(ours).order_by(Subscription.id).with_for_update()
    )
    destination = find_destination(id_or_name, lock=True)
    done = _summarize(destination)
    if done.asked_by:
        db.session.rollback()
        raise Refusal(
            _(
                "%(name)s was not removed, because AI steps use it. Change or remove the AI "
                "step of each of these subscriptions first: %(asked_by)s",
                name=destination.name,
                asked_by=" ".join(done.asked_by),
            )
        )
    name = destination.name
    destination.state = DestinationState.CLOSED
    destination.name = _free_name(name)
    destination.sealed_secrets, destination.account = "", None
    destination.paused_reason = destination.held_reason = ""
    destination.held_until = None
    destination.removed_at, destination.removed_by = database.now(db.session), by.actor
    db.session.flush()
    db.session.execute(
        delete(AiStep).where(AiStep.subscription_id.in_(select(Subscription.id).where(ours)))
    )
    db.session.execute(delete(Quota).where(Quota.destination_id == destination.id))
    db.session.execute(
        update(Subscription)
        .where(ours)
        .values(state=SubscriptionState.CLOSED)
        .execution_options(synchronize_session=False)
    )
    waiting, failed = _discard(destination.id)
    alerts.forget_subject(f"destination:{destination.id}", REASON)
    record(
        by,
        "destination.remove",
        name,
        destination=destination.id,
        discarded=waiting,
        failed_discarded=failed,
        in_flight=done.in_flight,
        subscriptions=done.subscriptions,
    )
    db.session.commit()
    return done


def _free_name(name: str) -> str:
    """``Team channel (removed)``, or with a number where that is taken."""
    taken = set(db.session.scalars(select(Destination.name)))
    number = 1
    while True:
        suffix = " (removed)" if number == 1 else f" (removed {number})"
        wanted = name[: LONGEST_NAME - len(suffix)] + suffix
        if wanted not in taken:
            return wanted
        number += 1


def _discard(destination_id: int) -> tuple[int, int]:
    """Discard what waits and what failed, within the caller's transaction.  -> how many of each"""
    waits = and_(Delivery.destination_id == destination_id, Delivery.state == State.PENDING.value)
    waiting = transition_many(db.session, waits, Discarded(), database.now(db.session))
    failed = bulk.discard_in_transaction(Selection(destination=destination_id), REASON)
    return len(waiting), failed


def discard_leftovers() -> int:
    """Discard what appeared after a removal.  -> how many deliveries

    A call that was in progress during the removal can fail later, and an event that was being
    routed then can get a delivery.  The scheduler runs this.
    """
    destinations = select(Destination.id).where(Destination.state == DestinationState.CLOSED)
    subscriptions = select(Subscription.id).where(Subscription.state == SubscriptionState.CLOSED)
    removed = or_(
        Delivery.destination_id.in_(destinations), Delivery.subscription_id.in_(subscriptions)
    )
    waits = and_(Delivery.state == State.PENDING.value, removed)
    failed = (
        select(Delivery.subscription_id)
        .join(DeadLetter, DeadLetter.delivery_id == Delivery.id)
        .where(unresolved(), removed)
        .distinct()
    )
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        is_waiting = connection.scalar(select(select(Delivery.id).where(waits).exists()))
        ids = connection.scalars(failed).all()
    count = 0
    if is_waiting:
        count += len(transition_many(db.session, waits, Discarded(), database.now(db.session)))
    for subscription_id in sorted(ids):
        chosen = Selection(subscription=subscription_id)
        count += bulk.discard_in_transaction(
            chosen, N_("Its subscription or destination was removed.")
        )
    db.session.commit()
    return count
