"""Marks of when something last happened, for ``flask doctor`` and the alert rules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete

from relay import database
from relay.database import AnySession
from relay.models import Milestone, db, db_now

SCHEDULER = "scheduler"  # a round of its periodic work ended
BACKUP = "backup"
TEST = "destination_test"  # a test of a destination succeeded
BACKUP_FAILED = "backup_failed"  # only while the newest run or verification failed
BACKUP_VERIFIED = "backup_verified"
DEMO = "demo"  # the first start made the site and the destination in the detail
BODIES = "attempt_bodies"  # the bodies of attempts until then were deleted


def store(
    connection: Connection | AnySession,
    name: str,
    at: datetime | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Note in the running transaction that ``name`` happened, by default now.

    Without ``detail``, the one that was stored before stays.
    """
    values: dict[str, Any] = {"at": db_now() if at is None else at}
    if detail is not None:
        values["detail"] = dict(detail)
    connection.execute(
        database.upsert(connection, Milestone)
        .values(name=name, **values)
        .on_conflict_do_update(index_elements=[Milestone.name], set_=values)
    )


def mark(name: str) -> None:
    """Note that ``name`` happened now, and commit."""
    store(db.session, name)
    db.session.commit()


def forget(name: str) -> None:
    """It did not happen, or it is over.  Commits."""
    db.session.execute(delete(Milestone).where(Milestone.name == name))
    db.session.commit()


def mark_scheduler() -> None:
    mark(SCHEDULER)
