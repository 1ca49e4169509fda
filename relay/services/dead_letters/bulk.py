"""What a person decides about many dead letters at once: one transaction, however many they are.

What somebody else took care of meanwhile is left alone.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, select, update

from relay.delivery.attempt.outcome import columns_of
from relay.models import DeadLetter, Delivery, db
from relay.rules.lifecycle import Discarded, Life, State, transition
from relay.services.audit import By, record
from relay.services.dead_letters.selection import Selection
from relay.services.locking import free, in_order
from relay.services.sources import keys

LONGEST_NOTE = 2000


def discard(selection: Selection, by: By, reason: str = "") -> int:
    """None of the chosen need arrive.  -> how many"""
    now, chosen = keys.database_now(), selection.bounded()
    columns = columns_of(transition(Life(State.DEAD), Discarded(), now).life, now)
    del columns["attempts"], columns["attempts_since_replay"], columns["revived_from"]
    deliveries = select(DeadLetter.delivery_id).where(DeadLetter.id.in_(chosen.statement()))
    dead = and_(Delivery.id.in_(deliveries), Delivery.state == State.DEAD.value)
    # first the deliveries, then their letters: the order in which everybody locks them
    _change(update(Delivery).where(free(Delivery.id, dead)).values(columns))
    gone = select(Delivery.id).where(Delivery.state == State.DISCARDED.value)
    ended = {"state": "resolved", "resolution": "discarded", "reason": reason, "resolved_at": now}
    told = {"reason": reason[:500]}
    return _mark(chosen, by, "dead_letter.discard", ended, told, DeadLetter.delivery_id.in_(gone))


def acknowledge(selection: Selection, by: By) -> int:
    """Somebody has seen the chosen ones.  -> how many nobody had seen before"""
    fresh = DeadLetter.state == "open"
    return _mark(selection, by, "dead_letter.acknowledge", {"state": "acknowledged"}, {}, fresh)


def assign(selection: Selection, owner: str, by: By) -> int:
    """``owner`` looks after the chosen ones, or nobody any more (empty).  -> how many"""
    changes = {"owner": owner[:254], "state": "acknowledged"} if owner else {"owner": None}
    return _mark(selection, by, "dead_letter.assign", changes, {"owner": owner})


def note(selection: Selection, text: str, by: By) -> int:
    """What the next person should know; earlier notes stay in the audit trail.  -> how many"""
    text = text.strip()[:LONGEST_NOTE]
    return _mark(selection, by, "dead_letter.note", {"note": text}, {"note": text})


def _mark(
    selection: Selection,
    by: By,
    action: str,
    changes: dict[str, Any],
    told: dict[str, Any],
    *more: ColumnElement[bool],
) -> int:
    """Write ``changes`` onto the chosen ones for which ``more`` holds, with one line in the trail."""
    chosen = selection.bounded()
    title = chosen.title()
    wanted = and_(DeadLetter.id.in_(chosen.statement()), *more)
    done = _change(update(DeadLetter).where(in_order(DeadLetter.id, wanted)).values(changes))
    if done:
        record(by, action, title, count=done, **told)
    db.session.commit()
    return done


def _change(statement: Any) -> int:
    found = db.session.execute(statement.execution_options(synchronize_session=False))
    return int(found.rowcount)  # type: ignore[attr-defined]
