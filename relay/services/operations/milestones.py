"""Marks of when something last happened, for ``flask doctor`` and the alert rules."""

from __future__ import annotations

from relay import database
from relay.models import Milestone, db, db_now

SCHEDULER = "scheduler"  # a round of its periodic work ended
BACKUP = "backup"


def mark(name: str) -> None:
    """Note that ``name`` happened now, and commit."""
    statement = database.upsert(db.session, Milestone).values(name=name, at=db_now())
    db.session.execute(
        statement.on_conflict_do_update(index_elements=[Milestone.name], set_={"at": db_now()})
    )
    db.session.commit()


def mark_scheduler() -> None:
    mark(SCHEDULER)
