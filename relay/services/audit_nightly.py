"""Verifies the audit log every night, and opens an alert if it is broken."""

from __future__ import annotations

from datetime import datetime, time

from sqlalchemy import select

from relay import database
from relay.i18n import N_
from relay.models import Milestone, db
from relay.observability.logging import log
from relay.services import audit_check
from relay.services.alerts import state as alerts
from relay.services.operations import milestones

RULE = "audit_log"
CHECKED = "audit_check"
AT = time(2)  # UTC
ADVICE = N_(
    "Find out who can write to the database, and compare with a backup: flask audit verify names the first "
    "entry that is wrong. The alert is resolved when the check finds no error."
)


def verify_nightly(at: time = AT) -> audit_check.AuditCheck | None:
    """Verify once a night, after ``at``.  -> what was found, or None if it is not due"""
    now = database.now(db.session)
    done = db.session.scalar(select(Milestone.at).where(Milestone.name == CHECKED))
    db.session.rollback()
    due = datetime.combine(now.date(), at, now.tzinfo)
    if now < due or (done is not None and done >= due):
        return None
    return verify_now()


def verify_now() -> audit_check.AuditCheck:
    """Verify, and open or resolve the alert."""
    found = audit_check.verify()
    if found.broken is None:
        alerts.resolve(RULE, "")
    else:
        sentence = f"The audit log is broken. {found.broken.sentence}"  # i18n: keep
        alerts.raise_alert(RULE, "", sentence, ADVICE, "/audit")
        log("audit.broken", level="error", problem=found.broken.problem, seq=found.broken.seq)
    milestones.mark(CHECKED)
    return found
