"""Dead letters: deliveries that wait for a person, who replays or discards them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload
from werkzeug.datastructures import MultiDict

from relay import broker
from relay.delivery import record as lives
from relay.errors import IllegalTransition, NotFound, Refusal
from relay.lifecycle import Discarded, Replayed, Signal, step
from relay.models import DeadLetter, Delivery, Destination, Event, db
from relay.services import keys
from relay.services.audit import By, record
from relay.services.deliveries import named
from relay.services.paging import Page, page_of


def _open(destination: int | str = "") -> Select[Any]:
    wanted = select(DeadLetter).where(DeadLetter.state != "resolved")
    if destination:
        chosen = select(Destination.id).where(named(destination))
        wanted = wanted.where(DeadLetter.destination_id.in_(chosen))
    return wanted


def count_open() -> int:
    return (
        db.session.scalar(
            select(func.count()).select_from(DeadLetter).where(DeadLetter.state != "resolved")
        )
        or 0
    )


def list_open(
    destination: int | str = "", limit: int = 50, after: int | None = None
) -> Page[DeadLetter]:
    """Unresolved ones, newest first, with delivery, event, source and destination loaded."""
    return page_of(
        _open(destination),
        DeadLetter.id,
        limit,
        after,
        joinedload(DeadLetter.delivery).joinedload(Delivery.event).joinedload(Event.source),
        joinedload(DeadLetter.destination),
    )


def find_dead_letter(dead_letter_id: int) -> DeadLetter:
    """Raises NotFound."""
    letter = db.session.get(DeadLetter, dead_letter_id)
    if letter is None:
        raise NotFound(f"There is no dead letter {dead_letter_id}.")
    return letter


@dataclass(frozen=True)
class Selection:
    """Which dead letters: one by id, those of a destination, or all."""

    id: int | None = None
    destination: str = ""

    @classmethod
    def from_args(cls, args: MultiDict[str, str]) -> Selection:
        return cls(args.get("id", type=int), args.get("destination", ""))

    def statement(self) -> Select[Any]:
        """Of ``DeadLetter.id``."""
        wanted = _open(self.destination).with_only_columns(DeadLetter.id)
        return wanted if self.id is None else wanted.where(DeadLetter.id == self.id)

    def title(self) -> str:
        return f"Dead letters of {self.destination}" if self.destination else "All dead letters"

    def ids(self) -> list[int]:
        """Raises NotFound where a single one does not exist or is resolved."""
        found = list(db.session.scalars(self.statement().order_by(DeadLetter.id)))
        if self.id is not None and not found:
            find_dead_letter(self.id)
            raise Refusal(f"Dead letter {self.id} is resolved already. Nothing was sent again.")
        return found


def replay(dead_letter_id: int, by: By) -> Delivery:
    """Send a dead delivery again with a fresh budget of attempts; pressed twice, it goes out once.

    Raises NotFound, Refusal.
    """
    delivery = _settle(dead_letter_id, by, Replayed(), "dead_letter.replay")
    broker.nudge("drain_destination", delivery.destination_id)
    return delivery


def discard(dead_letter_id: int, by: By, reason: str = "") -> Delivery:
    """It need not arrive.  ``reason`` is kept in the audit trail.  Raises NotFound, Refusal."""
    return _settle(dead_letter_id, by, Discarded(), "dead_letter.discard", reason)


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
    if letter.state == "resolved":
        db.session.rollback()
        raise Refusal("Somebody took care of this already. Nothing was sent again.")
    now = keys.database_now()
    try:
        outcome = step(lives.life_of(delivery), signal, now)
    except IllegalTransition as exc:
        db.session.rollback()
        raise Refusal("This delivery is on its way again. Nothing was sent again.") from exc
    lives.apply(delivery, outcome, now)
    letter.state, letter.resolved_at, letter.reason = "resolved", now, reason
    letter.resolution = "replayed" if isinstance(signal, Replayed) else "discarded"
    detail = {"reason": reason[:500]} if reason else {}
    record(by, action, f"delivery {delivery.id}", dead_letter=letter.id, **detail)
    db.session.commit()
    return delivery
