"""Actions on many dead letters at once, in one transaction.

Dead letters that another person resolved in the meantime are not changed.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, select, update

from relay import database
from relay.mapping.personal import mask_patterns
from relay.models import DeadLetter, Delivery, db
from relay.rules.lifecycle import Discarded, State
from relay.rules.states import DeadLetterState, Resolution
from relay.services.audit import By, record
from relay.services.dead_letters.selection import Selection
from relay.services.locking import in_order
from relay.services.transitions import transition_many

LONGEST_NOTE = 2000


def discard(selection: Selection, by: By, reason: str = "") -> int:
    """Discard the selected dead letters and their deliveries.  -> how many"""
    chosen = selection.bounded()
    title = chosen.title()
    count = discard_in_transaction(chosen, reason)
    if count:
        record(by, "dead_letter.discard", title, count=count, reason=mask_patterns(reason[:500]))
    db.session.commit()
    return count


def discard_in_transaction(chosen: Selection, reason: str) -> int:
    """The same within the caller's transaction, without an audit entry.  -> how many"""
    now = database.now(db.session)
    deliveries = select(DeadLetter.delivery_id).where(DeadLetter.id.in_(chosen.statement()))
    dead = and_(Delivery.id.in_(deliveries), Delivery.state == State.DEAD.value)
    # deliveries are locked before their dead letters everywhere, so that nothing deadlocks
    transition_many(db.session, dead, Discarded(), now)
    settled = select(Delivery.id).where(Delivery.state == State.DISCARDED.value)
    wanted = and_(DeadLetter.id.in_(chosen.statement()), DeadLetter.delivery_id.in_(settled))
    return _change(
        update(DeadLetter)
        .where(in_order(DeadLetter.id, wanted))
        .values(
            state=DeadLetterState.RESOLVED,
            resolution=Resolution.DISCARDED,
            reason=reason,
            resolved_at=now,
        )
    )


def acknowledge(selection: Selection, by: By) -> int:
    """Mark the selected ones as seen.  -> how many were not seen before"""
    fresh = DeadLetter.state == DeadLetterState.OPEN
    return _mark(
        selection, by, "dead_letter.acknowledge", {"state": DeadLetterState.ACKNOWLEDGED}, {}, fresh
    )


def assign(selection: Selection, owner: str, by: By) -> int:
    """Make ``owner`` responsible, or no one (empty).  -> how many"""
    changes = (
        {"owner": owner[:254], "state": DeadLetterState.ACKNOWLEDGED} if owner else {"owner": None}
    )
    return _mark(selection, by, "dead_letter.assign", changes, {"owner": owner})


def note(selection: Selection, text: str, by: By) -> int:
    """Set the note; earlier notes stay in the audit trail.  -> how many"""
    text = text.strip()[:LONGEST_NOTE]
    return _mark(selection, by, "dead_letter.note", {"note": text}, {"note": mask_patterns(text)})


def _mark(
    selection: Selection,
    by: By,
    action: str,
    changes: dict[str, Any],
    told: dict[str, Any],
    *more: ColumnElement[bool],
) -> int:
    """Set ``changes`` on the selected ones that meet ``more``, with one audit entry."""
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
