"""Dead letters by cause: the same destination, code and field need the same fix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select

from relay.destinations.outcomes.advice import Advice, advice_for, removed
from relay.models import DeadLetter, Destination, db
from relay.rules.states import DeadLetterState, DestinationState
from relay.services.dead_letters.actions import LOADED
from relay.services.dead_letters.selection import NO_FIELD, Selection

MOST = 200  # causes on one page


@dataclass(frozen=True)
class Cause:
    """``fresh`` of ``count`` are not acknowledged; ``newest`` is the sample, with its event loaded.

    ``owners`` are e-mail addresses; ``note`` is the newest one.  ``before_fix`` of them died before the
    destination was last changed or resumed.
    """

    newest: DeadLetter
    count: int
    fresh: int
    before_fix: int
    first_at: datetime
    last_at: datetime
    owners: tuple[str, ...]
    note: str

    @property
    def destination(self) -> Destination:
        return self.newest.destination

    @property
    def id(self) -> str:
        """For the page."""
        return f"cause-{self.newest.id}"

    @property
    def advice(self) -> Advice:
        newest = self.newest
        if self.destination.state == DestinationState.CLOSED:
            return removed(self.destination.name)
        return advice_for(newest.code, newest.field, newest.sentence, self.destination.name)

    @property
    def selection(self) -> Selection:
        """Exactly those counted."""
        return Selection(
            destination=self.newest.destination_id,
            code=self.newest.code,
            field=self.newest.field or NO_FIELD,
            upto=self.newest.id,
        )


def list_causes(selection: Selection | None = None) -> list[Cause]:
    """Unacknowledged ones first, then the largest."""
    chosen = (selection or Selection()).statement()
    owners = func.count(func.distinct(DeadLetter.owner))
    rows = db.session.execute(
        select(
            func.max(DeadLetter.id).label("newest"),
            func.count().label("many"),
            func.sum(case((DeadLetter.state == DeadLetterState.OPEN, 1), else_=0)).label("fresh"),
            func.sum(case((DeadLetter.created_at < Destination.fixed_at, 1), else_=0)).label(
                "before_fix"
            ),
            func.min(DeadLetter.created_at).label("first_at"),
            func.max(DeadLetter.created_at).label("last_at"),
            owners.label("owners"),
            func.max(DeadLetter.owner).label("owner"),
            func.min(DeadLetter.owner).label("other"),
            func.max(case((DeadLetter.note != "", DeadLetter.id))).label("noted"),
        )
        .join(Destination, Destination.id == DeadLetter.destination_id)
        .where(DeadLetter.id.in_(chosen))
        .group_by(DeadLetter.destination_id, DeadLetter.code, DeadLetter.field)
        .order_by(func.max(DeadLetter.id).desc())
        .limit(MOST)
    ).all()
    letters = _load({row.newest for row in rows} | {row.noted for row in rows if row.noted})
    found = [
        Cause(
            letters[row.newest],
            row.many,
            row.fresh,
            row.before_fix,
            row.first_at,
            row.last_at,
            tuple(sorted({row.owner, row.other})) if row.owners else (),
            letters[row.noted].note if row.noted else "",
        )
        for row in rows
    ]
    return sorted(found, key=lambda cause: (not cause.fresh, -cause.count))


def _load(ids: Iterable[int]) -> dict[int, DeadLetter]:
    wanted = select(DeadLetter).where(DeadLetter.id.in_(list(ids))).options(*LOADED)
    return {letter.id: letter for letter in db.session.scalars(wanted)}


def before_fix(destination: Destination) -> Selection:
    """What failed at a destination before it was last fixed."""
    return Selection(destination=destination.id, until=destination.fixed_at)


def offered(destination: Destination) -> list[Cause]:
    """What can be sent again since the fix, by cause; empty without a fix."""
    return list_causes(before_fix(destination)) if destination.fixed_at else []
