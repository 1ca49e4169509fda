"""Alerts: opened once a fact, resolved when it is over, acknowledged by a person with a note.

``raise_alert`` and ``resolve`` join the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from relay.errors import Invalid, NotFound, Refusal
from relay.models import Alert, db, db_now
from relay.services.audit import By, record

LONGEST_NOTE = 1000


def raise_alert(kind: str, subject: str, sentence: str, advice: str, path: str = "") -> None:
    """Open it, or keep it open.  One that now says something else asks for somebody again."""
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    text = {"sentence": sentence, "advice": advice, "path": path}
    db.session.execute(
        insert(Alert)
        .values(kind=kind, subject=subject, **text)
        .on_conflict_do_nothing(
            index_elements=["kind", "subject"], index_where=Alert.resolved_at.is_(None)
        )
    )
    db.session.execute(
        update(Alert)
        .where(*_is_open(kind, subject), Alert.sentence != sentence)
        .values(**text, acknowledged_at=None, acknowledged_by=None, note="")
    )


def resolve(kind: str, subject: str) -> None:
    """Its cause is gone.  Nothing happens where none is open."""
    db.session.execute(update(Alert).where(*_is_open(kind, subject)).values(resolved_at=db_now()))


def _is_open(kind: str, subject: str):  # type: ignore[no-untyped-def]
    return Alert.kind == kind, Alert.subject == subject, Alert.resolved_at.is_(None)


def open_alerts(family: str = "", unseen: bool = False) -> Sequence[Alert]:
    """Newest first, of all kinds or those that begin with ``family``; ``unseen``: nobody has acknowledged."""
    wanted = select(Alert).where(
        Alert.resolved_at.is_(None), Alert.kind.startswith(family, autoescape=True)
    )
    if unseen:
        wanted = wanted.where(Alert.acknowledged_by.is_(None))
    return db.session.scalars(wanted.order_by(Alert.id.desc()).limit(100)).all()


def acknowledge(alert_id: int, note: str, by: By) -> Alert:
    """Somebody has seen to it and says what it was.  Raises NotFound, Invalid, Refusal."""
    if not note:
        raise Invalid({"note": ["Write in a few words what it was, for whoever looks here later."]})
    alert = db.session.get(Alert, alert_id, with_for_update=True)
    if alert is None:
        raise NotFound("There is no such alert.")
    if alert.resolved_at is not None:
        raise Refusal("This is over already: Relay resolved it by itself.")
    now = db.session.scalar(select(db_now()))
    alert.note, alert.acknowledged_by, alert.acknowledged_at = note[:LONGEST_NOTE], by.actor, now
    record(by, "alert.acknowledge", alert.subject, kind=alert.kind, note=alert.note)
    db.session.commit()
    return alert
