"""Alerts: opened once per problem, resolved when it is over, acknowledged by a person with a note.

``raise_alert`` and ``resolve`` join the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update

from relay import database
from relay.errors import Invalid, NotFound, Refusal
from relay.models import Alert, db, db_now
from relay.services.audit import By, record

LONGEST_NOTE = 1000


def raise_alert(kind: str, subject: str, sentence: str, advice: str, path: str = "") -> None:
    """Open the alert, or keep it open.

    If its sentence changed, it is no longer acknowledged.
    """
    text = {"sentence": sentence, "advice": advice, "path": path}
    db.session.execute(
        database.upsert(db.session, Alert)
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
    """Resolve the open alert, if there is one."""
    db.session.execute(update(Alert).where(*_is_open(kind, subject)).values(resolved_at=db_now()))


def resolve_family(family: str, subject: str) -> None:
    """Resolve every open alert with a kind and a subject that begin with these texts."""
    db.session.execute(
        update(Alert)
        .where(
            Alert.kind.startswith(family, autoescape=True),
            Alert.subject.startswith(subject, autoescape=True),
            Alert.resolved_at.is_(None),
        )
        .values(resolved_at=db_now())
        .execution_options(synchronize_session=False)
    )


def _is_open(kind: str, subject: str):  # type: ignore[no-untyped-def]
    return Alert.kind == kind, Alert.subject == subject, Alert.resolved_at.is_(None)


def open_alerts(family: str = "", unseen: bool = False) -> Sequence[Alert]:
    """Newest first.

    ``family`` limits them to kinds that begin with it; ``unseen`` to those that no one
    acknowledged.
    """
    wanted = select(Alert).where(
        Alert.resolved_at.is_(None), Alert.kind.startswith(family, autoescape=True)
    )
    if unseen:
        wanted = wanted.where(Alert.acknowledged_by.is_(None))
    return db.session.scalars(wanted.order_by(Alert.id.desc()).limit(100)).all()


def acknowledge(alert_id: int, note: str, by: By) -> Alert:
    """Record that a person has seen it, with a note.  Raises NotFound, Invalid, Refusal."""
    if not note:
        raise Invalid({"note": ["Write in a few words what the cause was."]})
    alert = db.session.get(Alert, alert_id, with_for_update=True)
    if alert is None:
        raise NotFound("There is no such alert.")
    if alert.resolved_at is not None:
        raise Refusal("This alert is already resolved. Nothing was changed.")
    now = database.now(db.session)
    alert.note, alert.acknowledged_by, alert.acknowledged_at = note[:LONGEST_NOTE], by.actor, now
    record(by, "alert.acknowledge", alert.subject, kind=alert.kind, note=alert.note)
    db.session.commit()
    return alert
