"""Backups that a person starts from a page: where they are, which exist, and how the last one went.

They go to RELAY_BACKUP_TO, like those of the schedule; without it, to a folder of this host.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from flask import current_app
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from config import Config
from relay import database
from relay.errors import NotFound, Refusal, RelayError
from relay.i18n import _
from relay.models import Milestone, db
from relay.services import mail
from relay.services.audit import By, record
from relay.services.backups import runs
from relay.services.operations import backup, milestones

FAILED = milestones.BACKUP_FAILED
KEPT = 7  # in the folder of this host
SUFFIX = ".relay-backup.gz"


@dataclass(frozen=True)
class BackupFile:
    """A backup in the folder of this host."""

    name: str
    made_at: datetime
    size: int


@dataclass(frozen=True)
class BackupStatus:
    """``made_at`` is when the last backup was made, by whatever command; ``reason`` why the newest try
    failed, empty if it did not.  ``place`` is RELAY_BACKUP_TO, or the folder of this host; then ``files``
    are those in it, the newest first.
    """

    made_at: datetime | None
    is_running: bool
    reason: str
    files: Sequence[BackupFile]
    place: str
    is_scheduled_place: bool


def folder() -> Path:
    """Where backups of this host are written: ``backups`` in the data directory."""
    config: Config = current_app.extensions["relay_config"]
    return config.data_dir / "backups"


def status() -> BackupStatus:
    """In one statement."""
    config: Config = current_app.extensions["relay_config"]
    to = config.backups
    place = to.place if to else str(folder())
    names = (milestones.BACKUP, FAILED)
    rows = db.session.execute(
        select(Milestone.name, Milestone.at, Milestone.detail).where(Milestone.name.in_(names))
    ).all()
    at = {row.name: row.at for row in rows}
    reason = next((row.detail.get("reason", "") for row in rows if row.name == FAILED), "")
    made, failed = (at.get(name) for name in names)
    running = runs.is_running(config)
    is_failed = failed is not None and (made is None or made < failed) and not running
    return BackupStatus(made, running, reason if is_failed else "", files(), place, bool(to))


def files() -> list[BackupFile]:
    """The backups in the folder of this host, the newest first."""
    found = [path for path in folder().glob(f"*{SUFFIX}") if path.is_file()]
    shown = [
        BackupFile(
            path.name, datetime.fromtimestamp(path.stat().st_mtime, UTC), path.stat().st_size
        )
        for path in found
    ]
    return sorted(shown, key=lambda one: one.made_at, reverse=True)


def find(name: str) -> Path:
    """The path of a backup by its name.  Raises NotFound."""
    if name not in {one.name for one in files()}:
        raise NotFound(_("There is no such backup on this host."))
    return folder() / name


def start(by: By) -> None:
    """Make a backup soon, in a thread of this process.  Raises Refusal while one is made or verified.

    The lock is held from now on, so that a second click finds it.  It ends with the process.
    """
    config: Config = current_app.extensions["relay_config"]
    lock = runs.take_lock(config)
    try:
        record(by, "backup.create", "all of Relay")
        db.session.commit()
        if not mail.outbox().add(partial(make, by, lock)):
            raise Refusal(_("Relay is busy with other work. Try again in a minute."))
    except BaseException:
        os.close(lock)
        raise


def make(by: By, lock: int) -> str:
    """Make the backup, and free the lock.  -> the reason if it failed, else empty"""
    config: Config = current_app.extensions["relay_config"]
    try:
        if config.backups is not None:
            runs.run(config, by, lock)
        else:
            with runs.reported(by, config), runs.spooling(config, lock):
                _write(folder())
    except (RelayError, OSError, SQLAlchemyError) as exc:  # it is stored for the page and the alert
        runs.log_failure(exc)
        return str(exc)
    return ""


def _write(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    for part in path.glob("*.part"):  # of a run that was interrupted
        part.unlink()
    with db.engine.connect() as connection:
        now = database.now(connection)
    backup.save(path / f"{now:%Y-%m-%d-%H%M%S}{SUFFIX}")
    for one in files()[KEPT:]:
        (path / one.name).unlink(missing_ok=True)


def record_download(name: str, by: By) -> None:
    record(by, "backup.download", name)
    db.session.commit()
