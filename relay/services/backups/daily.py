"""One backup a day, made by a process that runs all the time, such as the one of compose.yaml."""

from __future__ import annotations

import time as clock
from datetime import datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from config import Config
from relay import database
from relay.errors import Refusal
from relay.models import Milestone, db
from relay.observability.logging import log
from relay.services.audit import By
from relay.services.backups import runs
from relay.services.operations.milestones import BACKUP

LOOK_S = 30.0
RETRY_S = 3600.0  # after a backup that failed


def is_due(last: datetime | None, now: datetime, at: time) -> bool:
    """Whether the time of the day has come since the last backup."""
    today = datetime.combine(now.date(), at, now.tzinfo)
    due = today if now >= today else today - timedelta(days=1)
    return last is None or last < due


def run_daily(config: Config, at: time, by: By) -> None:
    """Make a backup at ``at`` (UTC), and at once if one is due.  Never returns."""
    while True:
        pause_s = LOOK_S
        try:
            now = database.now(db.session)
            last = db.session.scalar(select(Milestone.at).where(Milestone.name == BACKUP))
            db.session.rollback()
            if is_due(last, now, at):
                runs.run(config, by)
        except (Refusal, SQLAlchemyError) as exc:
            runs.log_failure(exc)
            log("backup.waits", level="warning", reason=type(exc).__name__)
            pause_s = RETRY_S
        db.session.remove()
        clock.sleep(pause_s)
