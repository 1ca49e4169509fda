"""Open alerts and resolve them.

``raise_alert`` and ``resolve`` join the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update

from relay import database
from relay.models import Alert, db, db_now


def raise_alert(rule: str, subject: str, sentence: str, advice: str, path: str = "") -> None:
    """Open the alert, or keep it open.

    If its sentence changed, it is no longer acknowledged.
    """
    text = {"sentence": sentence, "advice": advice, "path": path}
    db.session.execute(
        database.upsert(db.session, Alert)
        .values(rule=rule, subject=subject, **text)
        .on_conflict_do_nothing(
            index_elements=[Alert.__table__.c.rule, "subject"],
            index_where=Alert.resolved_at.is_(None),
        )
    )
    db.session.execute(
        update(Alert)
        .where(*_is_open(rule, subject), Alert.sentence != sentence)
        .values(**text, acknowledged_at=None, acknowledged_by=None, note="")
    )


def resolve(rule: str, subject: str) -> None:
    """Resolve the open alert, if there is one."""
    db.session.execute(update(Alert).where(*_is_open(rule, subject)).values(resolved_at=db_now()))


def resolve_family(family: str, subject: str) -> None:
    """Resolve every open alert with a rule and a subject that begin with these texts."""
    db.session.execute(
        update(Alert)
        .where(
            Alert.rule.startswith(family, autoescape=True),
            Alert.subject.startswith(subject, autoescape=True),
            Alert.resolved_at.is_(None),
        )
        .values(resolved_at=db_now())
        .execution_options(synchronize_session=False)
    )


def _is_open(rule: str, subject: str):  # type: ignore[no-untyped-def]
    return Alert.rule == rule, Alert.subject == subject, Alert.resolved_at.is_(None)


def open_alerts(family: str = "", unseen: bool = False) -> Sequence[Alert]:
    """Newest first.

    ``family`` limits them to rules that begin with it; ``unseen`` to those that no one
    acknowledged.
    """
    wanted = select(Alert).where(
        Alert.resolved_at.is_(None), Alert.rule.startswith(family, autoescape=True)
    )
    if unseen:
        wanted = wanted.where(Alert.acknowledged_by.is_(None))
    return db.session.scalars(wanted.order_by(Alert.id.desc()).limit(100)).all()
