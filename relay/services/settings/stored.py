"""Values of settings in the database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from relay import database
from relay.models import Setting, db, db_now
from relay.services.audit import By


def read(names: Iterable[str], connection: Connection | None = None) -> dict[str, Any]:
    """The stored values of these settings, in one statement."""
    rows = (connection or db.session).execute(
        select(Setting.name, Setting.value).where(Setting.name.in_(list(names)))
    )
    return {row.name: row.value for row in rows}


def store(name: str, value: Any, by: By) -> None:
    """Within the caller's transaction."""
    values = {"value": value, "changed_by": by.actor, "changed_at": db_now()}
    db.session.execute(
        database.upsert(db.session, Setting)
        .values(name=name, **values)
        .on_conflict_do_update(index_elements=[Setting.name], set_=values)
    )
