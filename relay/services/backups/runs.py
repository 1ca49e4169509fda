"""Make, list, verify and remove scheduled backups.

A backup is first written to a file in the spool folder, ``backup-spool`` in the data directory, and then
stored.  So the database's snapshot is short, and a transfer that stops is continued by the next run.
"""

from __future__ import annotations

# i18n: keep file - for operators and for the stored reason of a backup that failed
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from config import Config
from relay.errors import Refusal
from relay.i18n import _
from relay.models import db
from relay.observability.logging import log
from relay.rules.keeping import kept
from relay.services import audit
from relay.services.audit import By
from relay.services.backups import scratch, sealing
from relay.services.backups.places import (
    NAME,
    Place,
    StoredBackup,
    backup_name,
    key_name,
    place_of,
    stored_backups,
)
from relay.services.operations import backup, milestones

TRIES = 5


@dataclass(frozen=True)
class Run:
    """What one run did: the backup it made, the older ones that it has now stored, what it removed."""

    made: StoredBackup
    rows: int
    continued: list[str]
    removed: list[str]


@dataclass(frozen=True)
class Verified:
    name: str
    made_at: datetime
    rows: int
    tables: int


def spool_of(config: Config) -> Path:
    return config.data_dir / "backup-spool"


def take_lock(config: Config) -> int:
    """The lock of making and verifying backups; it ends with ``os.close``.  Raises Refusal."""
    spool = spool_of(config)
    try:
        spool.mkdir(exist_ok=True, mode=0o700)
        lock = os.open(spool / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        raise Refusal(f"Relay cannot write to {spool}: {exc.strerror}.") from exc
    for _attempt in range(TRIES):
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        time.sleep(0.02)  # is_running has it for a moment
    os.close(lock)
    raise Refusal(_("A backup is being made or verified. Try again later."))


def is_running(config: Config) -> bool:
    """Whether a process of this host makes or verifies a backup now."""
    try:
        lock = os.open(spool_of(config) / "lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


@contextmanager
def spooling(config: Config, lock: int | None = None) -> Iterator[Path]:
    """The spool folder, for one process at a time, with a lock that was taken before or a new one.

    Raises Refusal.
    """
    held = take_lock(config) if lock is None else lock
    try:
        yield spool_of(config)
    finally:
        os.close(held)


def reason_of(exc: Exception) -> str:
    return str(exc) if isinstance(exc, Refusal) else type(exc).__name__


def log_failure(exc: Exception) -> None:
    """For a backup that nobody waits for; a command prints its reason instead."""
    log("backup.failed", level="error", reason=reason_of(exc))


@contextmanager
def reported(by: By, config: Config) -> Iterator[None]:
    """A failure is stored for the alert about backups, and ends one that was stored before."""
    try:
        yield
    except (Refusal, SQLAlchemyError, OSError) as exc:
        db.session.rollback()
        reason = reason_of(exc)
        with suppress(SQLAlchemyError):
            milestones.store(db.session, milestones.BACKUP_FAILED, detail={"reason": reason})
            audit.record(by, "backup.fail", "all of Relay", reason=reason)
            db.session.commit()
        raise
    milestones.forget(milestones.BACKUP_FAILED)


def list_backups(config: Config) -> list[StoredBackup]:
    """Newest first.  Raises Refusal."""
    return stored_backups(place_of(config.backups, spool_of(config)))


def run(config: Config, by: By, lock: int | None = None) -> Run:
    """Finish the transfers of before, make a backup, store it, and remove what is not kept any more.

    Raises Refusal, SQLAlchemyError.
    """
    with reported(by, config), spooling(config, lock) as spool:
        place = place_of(config.backups, spool)
        for part in spool.glob("*.part"):
            part.unlink()
        continued = [
            store(place, path) for path in sorted(spool.iterdir()) if NAME.fullmatch(path.name)
        ]
        path, done = write(config, spool)
        size = path.stat().st_size
        store(place, path)
        backup.remember(done)
        made = StoredBackup(path.name, done.made_at.replace(microsecond=0), size)
        removed = remove_old(config, place, by)
        audit.record(by, "backup.create", made.name, rows=done.total, bytes=size)
        db.session.commit()
        log("backup.stored", name=made.name, rows=done.total, bytes=size, removed=len(removed))
        return Run(made, done.total, continued, removed)


def write(config: Config, spool: Path) -> tuple[Path, backup.Done]:
    """Write an encrypted backup to the spool folder.  Raises Refusal."""
    settings = config.backups
    assert settings is not None
    try:
        with backup.dumping() as dump:
            path = spool / backup_name(dump.done.made_at, settings.is_encrypted)
            key, recipients = path.with_name(key_name(path.name)), settings.recipients
            if settings.passphrase:
                recipient, sealed = sealing.new_key(settings.passphrase)
                recipients = (recipient,)
                key.with_name(f"{key.name}.part").write_bytes(sealed)
            part = path.with_name(f"{path.name}.part")
            with part.open("wb") as file:
                sealing.seal(dump.compressed(), file, recipients)
                file.flush()
                os.fsync(file.fileno())
            if settings.passphrase:
                os.replace(f"{key}.part", key)
            os.replace(part, path)
    except OSError as exc:
        raise Refusal(f"The backup could not be written to {spool}: {exc.strerror}.") from exc
    return path, dump.done


def store(place: Place, path: Path) -> str:
    """Store a file of the spool folder, its key first, and remove it there.  Raises Refusal."""
    key = path.with_name(key_name(path.name))
    if key.exists():
        place.put(key, key.name)
    place.put(path, path.name)
    path.unlink()
    key.unlink(missing_ok=True)
    return path.name


def remove_old(config: Config, place: Place, by: By) -> list[str]:
    settings = config.backups
    assert settings is not None
    found = stored_backups(place)
    keep = kept((one.made_at for one in found), settings.keep_daily, settings.keep_weekly)
    removed = [one for one in found if one.made_at not in keep]
    for one in removed:
        remove_files(place, one)
    if removed:
        names = [one.name for one in removed]
        audit.record(by, "backup.remove", f"{len(removed)} old backups", names=names)
    return [one.name for one in removed]


def remove_files(place: Place, one: StoredBackup) -> None:
    place.remove(one.name)
    place.remove(one.key_name)


def find(config: Config, place: Place, name: str) -> StoredBackup:
    """The backup of this name, or the newest.  Raises Refusal."""
    found = stored_backups(place)
    if not found:
        raise Refusal("There is no backup yet. Make one: flask backup run")
    for one in found:
        if name in ("", one.name):
            return one
    raise Refusal(f"There is no backup {name}. flask backup list shows the names.")


def remove(config: Config, name: str, by: By) -> StoredBackup:
    """Remove one backup.  Raises Refusal."""
    place = place_of(config.backups, spool_of(config))
    one = find(config, place, name)
    remove_files(place, one)
    audit.record(by, "backup.remove", one.name, names=[one.name])
    db.session.commit()
    return one


def identities_for(
    config: Config, key: Path | None, identity: Path | None
) -> list[sealing.x25519.Identity]:
    """The private keys from the file that was given, else from the key beside the backup."""
    path = identity or key
    if path is None:
        return []
    passphrase = config.backups.passphrase if config.backups else ""
    try:
        return sealing.read_identities(path.read_bytes(), passphrase, sealing.stored_name(path))
    except FileNotFoundError as exc:
        if identity:
            raise Refusal(f"There is no file {identity}.") from exc
        return []
    except OSError as exc:
        raise Refusal(f"{path} cannot be read: {exc.strerror}.") from exc


@contextmanager
def fetched(
    config: Config, name: str, identity: Path | None
) -> Iterator[tuple[StoredBackup, Path, list[sealing.x25519.Identity]]]:
    """A stored backup as a file of the spool folder, with what opens it.  Raises Refusal."""
    with spooling(config) as spool:
        place = place_of(config.backups, spool)
        one = find(config, place, name)
        path, key = spool / f"{one.name}.part", spool / f"{one.key_name}.part"
        try:
            place.get(one.name, path)
            if one.key_name in place.sizes():
                place.get(one.key_name, key)
            yield one, path, identities_for(config, key, identity)
        finally:
            path.unlink(missing_ok=True)
            key.unlink(missing_ok=True)


def verify(config: Config, name: str, identity: Path | None, by: By) -> Verified:
    """Restore a backup, by default the newest, to a scratch database and compare every row.

    Raises Refusal, SQLAlchemyError.
    """
    place_of(config.backups, spool_of(config))  # without a place, nothing was found about a backup
    with reported(by, config), fetched(config, name, identity) as (one, path, identities):
        with sealing.opened(path, identities) as file:
            done = scratch.restore_and_compare(file, one.name, path.with_name("scratch.part"))
        found = Verified(one.name, done.made_at, done.total, len(done.rows))
        audit.record(by, "backup.verify", one.name, rows=done.total)
        milestones.store(db.session, milestones.BACKUP_VERIFIED, detail={"name": one.name})
        db.session.commit()
        return found


def restore(config: Config, name: Path, identity: Path | None, by: By) -> backup.Done:
    """Restore a file, or the stored backup of this name, to an empty database.  Raises Refusal."""
    try:
        is_file = name.exists()
    except OSError as exc:  # in a folder of another user
        raise Refusal(f"{name} cannot be read: {exc.strerror}.") from exc
    if is_file:
        identities = identities_for(config, name.with_name(key_name(name.name)), identity)
        return _restore(name, identities, by)
    if config.backups is None or not NAME.fullmatch(str(name)):
        raise Refusal(f"There is no file {name}.")
    with fetched(config, str(name), identity) as (_place, path, identities):
        return _restore(path, identities, by)


def _restore(path: Path, identities: list[sealing.x25519.Identity], by: By) -> backup.Done:
    try:
        with sealing.opened(path, identities) as file:
            return backup.restore(file, sealing.stored_name(path), by)
    except OSError as exc:
        raise Refusal(f"{path} cannot be read: {exc.strerror}.") from exc
