"""Whether anyone is notified of problems, and whether there is a recent backup."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, ScalarSelect, select

from relay import database
from relay.i18n import _
from relay.models import AlertChannel, Milestone, db
from relay.observability.health import Finding, error, ok, warning
from relay.services import audit_check
from relay.services.alerts.rules import effective
from relay.services.operations.checks.database import reading
from relay.services.operations.milestones import BACKUP, BACKUP_FAILED, BACKUP_VERIFIED

AUDIT_ENTRIES = 1000
BACKUPS, CHANNELS = "/settings#backup", "/alerts/channels"  # pages of the dashboard
UNIT_S = {"minutes": 60.0, "hours": 3600.0, "days": 86_400.0}


def check() -> Iterator[Finding]:
    with reading() as connection:
        yield check_backup(connection)
        yield from check_channels(connection)
    with database.snapshot(db.engine) as connection:
        yield check_audit_log(connection)


def check_audit_log(connection: Connection) -> Finding:
    """Whether one of the newest entries was changed, deleted or inserted; the nightly check reads all."""
    found = audit_check.check(connection, newest=AUDIT_ENTRIES)
    if found.broken is None:
        return ok(
            "audit log",
            _(
                "The newest entries of the audit log are whole (%(entries)s).",
                entries=found.entries,
            ),
        )
    return error(
        "audit log",
        _("The audit log is broken. %(sentence)s", sentence=found.broken.sentence),
        _("Find out who can write to the database, and compare with a backup."),
    )


def milestone(name: str, column: Any) -> ScalarSelect[Any]:
    """A column of a milestone, within a statement; NULL if it was not reached."""
    return select(column).where(Milestone.name == name).scalar_subquery()


def last_backup() -> ScalarSelect[datetime]:
    """When ``flask backup`` last wrote a file, within a statement."""
    return milestone(BACKUP, Milestone.at)


def check_backup(connection: Connection) -> Finding:
    now, failed, made_at, verified = connection.execute(
        select(
            database.db_now(),
            milestone(BACKUP_FAILED, Milestone.detail),
            last_backup(),
            milestone(BACKUP_VERIFIED, Milestone.at),
        )
    ).one()
    if failed is not None:
        return warning(
            BACKUP,
            _(
                "The last backup or its verification failed: %(reason)s",
                reason=_(failed.get("reason", "")),
            ),
            _("Correct the cause, then run: flask backup run"),
            BACKUPS,
            _("Correct the cause, then make a backup."),
        )
    rule = effective(connection, now)["backup_age"]
    limit_s = (rule.threshold or 0.0) * UNIT_S[rule.rule.unit]
    if made_at is None:
        if rule.is_set:
            do = _("Make one: flask backup FILE")
            what = _("No backup was made with flask backup.")
            return warning(BACKUP, what, do, BACKUPS, _("Make a backup."))
        return ok(
            BACKUP,
            _(
                "No backup was made with flask backup; other backups of the database are not known to Relay."
            ),
        )
    age = now - made_at
    made = made_at.strftime("%Y-%m-%d %H:%M")
    if limit_s and age.total_seconds() > limit_s:
        return warning(
            BACKUP,
            _(
                "The last backup was made %(time)s UTC, more than %(limit)s %(unit)s ago.",
                time=made,
                limit=format(rule.threshold or 0.0, "g"),
                unit=_(rule.rule.unit),
            ),
            _("Make one: flask backup FILE, and check the job that should do so."),
            BACKUPS,
            _("Make a backup, and check the job that should do so."),
        )
    if verified is not None:
        last = verified.strftime("%Y-%m-%d %H:%M")
        return ok(
            BACKUP,
            _(
                "The last backup was made %(time)s UTC, and one was last verified %(verified)s UTC.",
                time=made,
                verified=last,
            ),
        )
    return ok(BACKUP, _("The last backup was made %(time)s UTC.", time=made))


def check_channels(connection: Connection) -> Iterator[Finding]:
    rows = connection.execute(
        select(AlertChannel.name, AlertChannel.failed_at, AlertChannel.last_error)
        .where(AlertChannel.enabled)
        .order_by(AlertChannel.position, AlertChannel.id)
    ).all()
    if not rows:
        yield warning(
            "alert channels",
            _("No alert channel is configured, so nobody is notified of problems."),
            _(
                "Add one: flask alerts channels create email NAME --set to=ADDRESS --set sender=ADDRESS "
                "--set host=MAILSERVER"
            ),
            f"{CHANNELS}/new",
            _("Add an alert channel."),
        )
        return
    failed = [row for row in rows if row.failed_at is not None]
    for row in failed:
        reason = " ".join(row.last_error.split()).rstrip(".")
        yield warning(
            "alert channels",
            _("The last message to the alert channel %(name)s failed", name=row.name)
            + (f": {reason}." if reason else "."),
            _(
                'Fix its settings, then test it: flask alerts channels test "%(name)s"',
                name=row.name,
            ),
            CHANNELS,
            _("Fix its settings, then send a test."),
        )
    if not failed:
        yield ok("alert channels", f"{len(rows)} {'works' if len(rows) == 1 else 'work'}.")
