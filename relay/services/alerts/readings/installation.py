"""What the alert rules about the whole installation see: the disk and the last backup."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from sqlalchemy import select

from relay.i18n import _
from relay.models import Milestone
from relay.observability import health
from relay.rules.alerts import Reading, ReadingLevel
from relay.rules.states import Severity
from relay.services.alerts.readings import Context, duration

READ_RULES = ("disk_space", "backup_age")
# the names of the milestones, see services.operations.milestones
BACKUP, BACKUP_FAILED = "backup", "backup_failed"
SPARE = 1.1  # clear above this multiple of the threshold


def read(context: Context) -> Iterator[Reading]:
    yield _disk(context)
    yield from _backup(context)


def _disk(context: Context) -> Reading:
    path, limit = context.config.data_dir, context.thresholds["disk_space"]
    free_bytes = shutil.disk_usage(path).free
    free = free_bytes / 2**20
    if free < limit:
        level = ReadingLevel.FIRING
    else:
        level = ReadingLevel.CLEAR if free > limit * SPARE else ReadingLevel.BETWEEN
    return Reading(
        "disk_space",
        "",
        level,
        round(free),
        _(
            "Only %(size)s are free at %(path)s on Relay's server. When the disk is "
            "full, Relay cannot store events.",
            size=health.size(free_bytes),
            path=path,
        ),
        _(
            "Free disk space on the server now: delete old backups and logs, or old events with flask prune."
        ),
        severity=Severity.CRITICAL if free_bytes < health.DISK_ERROR_BYTES else None,
    )


def _backup(context: Context) -> Iterator[Reading]:
    failed = context.connection.execute(
        select(Milestone.at, Milestone.detail).where(Milestone.name == BACKUP_FAILED)
    ).one_or_none()
    if failed is not None:
        yield Reading(
            "backup_age",
            "",
            ReadingLevel.FIRING,
            context.thresholds["backup_age"],
            _(
                "The last backup or its verification failed: %(why)s",
                why=failed.detail.get("reason", ""),
            ),
            _(
                "Correct the cause, then run flask backup run on the server, or flask backup verify."
            ),
            since=failed.at,
        )
        return
    made_at = context.connection.scalar(select(Milestone.at).where(Milestone.name == BACKUP))
    if made_at is None and "backup_age" not in context.is_set:
        return  # backups may be made without flask backup
    limit = context.thresholds["backup_age"]
    advice = _(
        "Run flask backup on the server and check the job that should run it. Without a backup, a "
        "failed disk loses every event and setting."
    )
    if made_at is None:
        sentence = _("There is no backup: flask backup has never completed.")
        yield Reading("backup_age", "", ReadingLevel.FIRING, limit, sentence, advice)
        return
    age_s = (context.now - made_at).total_seconds()
    yield Reading(
        "backup_age",
        "",
        ReadingLevel.FIRING if age_s > limit * 3600 else ReadingLevel.CLEAR,
        age_s / 3600,
        _(
            "The last backup is %(time)s old; at most %(limit)s hours are allowed.",
            time=duration(age_s),
            limit=f"{limit:g}",
        ),
        advice,
        since=made_at,
    )
