"""One signal for many deliveries in one statement, with the columns that the lifecycle defines.

``relay.rules.lifecycle`` decides about one delivery at a time.  For a person's decision about
thousands of them, this module derives one UPDATE from it: it sends the signal to two sample
deliveries of each state and compares the results.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, literal, or_, update

from relay.database import AnySession
from relay.delivery.life_columns import columns_of
from relay.errors import IllegalTransition
from relay.models import Delivery
from relay.rules.lifecycle import Life, Signal, State, transition
from relay.services.locking import free

KEEP = object()  # the column stays as it is
ORIGINS = (None, State.DEAD, State.DELIVERED)  # what ``revived_from`` can hold


@dataclass(frozen=True)
class Shape:
    """The deliveries that a signal changes in the same way: one state and one ``revived_from``."""

    state: State
    revived_from: State | None

    def samples(self, now: datetime) -> tuple[Life, Life]:
        """Two deliveries of this shape that differ in everything else."""
        first = Life(
            state=self.state,
            due_at=now - timedelta(hours=1),
            lease_until=now + timedelta(hours=1),
            lease_token="first",  # noqa: S106 - a sample
            attempts=3,
            attempts_since_replay=2,
            claims=1,
            revived_from=self.revived_from,
        )
        second = Life(
            state=self.state,
            due_at=now - timedelta(hours=2),
            lease_until=now + timedelta(hours=2),
            lease_token="second",  # noqa: S106 - a sample
            attempts=7,
            attempts_since_replay=5,
            claims=4,
            revived_from=self.revived_from,
        )
        return first, second

    def rows(self) -> ColumnElement[bool]:
        origin = self.revived_from.value if self.revived_from else None
        return and_(
            Delivery.state == self.state.value, Delivery.revived_from.is_not_distinct_from(origin)
        )


def transition_many(
    session: AnySession,
    selection: ColumnElement[bool],
    signal: Signal,
    now: datetime,
    **columns: Any,
) -> list[int]:
    """Send ``signal`` to every selected delivery that accepts it.  -> the ids that changed

    The others keep their state, and so do rows that another transaction, such as a drain, has
    locked. ``columns`` are further columns to set.  The caller commits.  Raises ValueError for a
    signal with an effect that depends on the numbers of one delivery, such as a failed attempt.
    """
    changes = {
        shape: change
        for state in State
        for shape in (Shape(state, origin) for origin in ORIGINS)
        if (change := _change(shape, signal, now)) is not None
    }
    values = {name: _value(name, changes) for name in columns_of(Life(), now)}
    changed = session.scalars(
        update(Delivery)
        .where(free(Delivery.id, and_(selection, _rows(changes))))
        .values({name: value for name, value in values.items() if value is not KEEP} | columns)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    return list(changed)


def _change(shape: Shape, signal: Signal, now: datetime) -> dict[str, Any] | None:
    """The new value of each column, or KEEP.  None where this shape does not accept the signal."""
    samples = shape.samples(now)
    try:
        first, second = (transition(sample, signal, now) for sample in samples)
    except IllegalTransition:
        return None
    before = [columns_of(sample, now) for sample in samples]
    after = [columns_of(outcome.life, now) for outcome in (first, second)]
    change = {}
    for name in after[0]:
        if name != "settled_at" and all(
            a[name] == b[name] for a, b in zip(after, before, strict=True)
        ):
            change[name] = KEEP
        elif after[0][name] == after[1][name] and first.dead_letter is None:
            change[name] = after[0][name]
        else:
            raise ValueError(f"{type(signal).__name__} cannot be sent to many deliveries at once.")
    return change


def _rows(shapes: Collection[Shape]) -> ColumnElement[bool]:
    states = {shape.state for shape in shapes}
    whole = {state for state in states if all(Shape(state, origin) in shapes for origin in ORIGINS)}
    parts = [shape.rows() for shape in shapes if shape.state not in whole]
    return or_(Delivery.state.in_([state.value for state in sorted(whole)]), *parts)


def _value(name: str, changes: Mapping[Shape, dict[str, Any]]) -> Any:
    """One value for all shapes where they agree, else a CASE over them."""
    values = {change[name] for change in changes.values()}
    if len(values) == 1:
        return values.pop()
    column = Delivery.__table__.columns[name]
    cases = [
        (shape.rows(), literal(change[name], column.type))
        for shape, change in changes.items()
        if change[name] is not KEEP
    ]
    return case(*cases, else_=column)
