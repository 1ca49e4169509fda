"""Revisions: raised with every change of what other processes cache, so that they reload."""

from __future__ import annotations

from sqlalchemy import update

from relay.models import Revision, db

SOURCES = "sources"


def touch(subject: str) -> None:
    """Raise the revision of ``subject`` in the running transaction.  A migration created its row."""
    db.session.execute(
        update(Revision).where(Revision.subject == subject).values(number=Revision.number + 1)
    )
