"""Counts up with every change of what other processes keep in memory, so that they reload."""

from __future__ import annotations

from sqlalchemy import update

from relay.models import Revision, db

SOURCES = "sources"


def touch(subject: str) -> None:
    """Count ``subject`` up within the running transaction.  Its row was made by the migration."""
    db.session.execute(
        update(Revision).where(Revision.subject == subject).values(number=Revision.number + 1)
    )
