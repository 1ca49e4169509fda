"""Deletes the bodies of old requests and responses, if they are kept for less time than their event.

The attempt itself stays, with its times, status, headers and result.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from relay.models import Attempt, Milestone, db
from relay.services.operations import erasure, milestones
from relay.services.settings import retention as retention_settings

BATCH = 500
MARKER = "[deleted after {} days]"


def delete_old(now: datetime) -> int:
    """Delete the bodies of attempts older than RELAY_ATTEMPT_BODY_DAYS, in short transactions.  -> of how many

    How far it came is stored, so each attempt is read once.
    """
    days = retention_settings.days().attempt_body_days
    if not days:
        return 0
    marker, limit, count = MARKER.format(days), now - timedelta(days=days), 0
    after = db.session.scalar(select(Milestone.at).where(Milestone.name == milestones.BODIES))
    while True:
        old = [Attempt.started_at < limit]
        if after is not None:
            old.append(Attempt.started_at > after)
        times = select(Attempt.started_at).where(*old).order_by(Attempt.started_at).limit(BATCH)
        found = db.session.scalars(times).all()
        if not found:
            db.session.commit()
            return count
        # all that ended at the same moment as the last of them, too
        batch = select(Attempt).where(*old, Attempt.started_at <= found[-1])
        for attempt in db.session.scalars(batch):
            attempt.request = erasure.without_bodies(attempt.request, marker)
            attempt.response = erasure.without_bodies(attempt.response, marker)
            count += 1
        after = found[-1]
        milestones.store(db.session, milestones.BODIES, after)
        db.session.commit()
        db.session.expunge_all()
