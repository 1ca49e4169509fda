"""Backup and restore: all of Relay in one file, between databases of either kind.

The file is gzipped JSON lines: a header, then every table in the order of its foreign keys, then
the number of rows, so that a truncated file is noticed.  Secrets stay sealed: without the
encryption key, which is not in the file, no one can use them.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import (
    Column,
    Connection,
    Date,
    LargeBinary,
    Table,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from relay import database
from relay.errors import Refusal
from relay.models import (
    AlertEvaluation,
    AlertMessage,
    Destination,
    Lease,
    Revision,
    db,
)
from relay.models.audit_chain import add_audit_entry
from relay.models.base import UtcDateTime
from relay.observability.logging import log
from relay.rules.states import AlertMessageState, DestinationState
from relay.services import audit_anchor
from relay.services.audit import By
from relay.services.operations import encryption, milestones, partitions

FORMAT = "relay-backup-1"
BATCH = 500
# short-lived data of running processes
LEFT_OUT = {Lease.__tablename__, Revision.__tablename__, AlertEvaluation.__tablename__}
NOT_OURS = (ValueError, KeyError, TypeError, AttributeError)  # raised for JSON that is not a backup
PAUSED = (
    "Restored from a backup. Deliveries that are pending here may have arrived after the backup was "
    "made. Check them, discard those that arrived, then resume."
)

NOT_SENT = "It was pending in a backup that was restored."


@dataclass(frozen=True)
class Done:
    """The number of rows per table; ``made_at`` is when the backup was made."""

    rows: dict[str, int]
    made_at: datetime

    @property
    def total(self) -> int:
        return sum(self.rows.values())


def _tables() -> list[Table]:
    return [one for one in db.metadata.sorted_tables if one.name not in LEFT_OUT]


def _revision(connection: Connection) -> str:
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")))


def _plain(column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, UtcDateTime | Date):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(column.type, LargeBinary) else value


def _typed(column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, UtcDateTime):
        return datetime.fromisoformat(value)
    if isinstance(column.type, Date):
        return date.fromisoformat(value)
    return base64.b64decode(value) if isinstance(column.type, LargeBinary) else value


def save(path: Path) -> Done:
    """Write the database at one moment to ``path``, readable only by its owner.

    An older file there is replaced when the new one is complete.  Raises Refusal.
    """
    part = path.with_name(path.name + ".part")
    try:
        with (
            database.snapshot(db.engine) as connection,
            os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as raw,
            gzip.open(raw, "wt", encoding="utf-8") as file,
        ):
            partitions.hold(connection)
            done = _write(connection, file)
        os.replace(part, path)
        _remember(done)
    except OSError as exc:
        raise Refusal(f"The backup could not be written to {path}: {exc.strerror}.") from exc
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return done


def _remember(done: Done) -> None:
    """Store when the backup was made, for the alert about its age.

    A database that cannot be written to, such as a replica, can be backed up too.
    """
    try:
        with db.engine.begin() as connection:
            _set_milestone(connection, done)
    except SQLAlchemyError as exc:
        log("backup.not_recorded", level="warning", reason=type(exc).__name__)


def _set_milestone(connection: Connection, done: Done) -> None:
    milestones.store(connection, milestones.BACKUP, done.made_at, {"rows": done.total})


def _write(connection: Connection, file: IO[str]) -> Done:
    made_at = database.now(connection)
    head = {"format": FORMAT, "revision": _revision(connection), "made_at": made_at.isoformat()}
    file.write(json.dumps(head) + "\n")
    counts = {}
    for table in _tables():
        found = connection.execution_options(yield_per=BATCH).execute(select(table))
        counts[table.name] = 0
        for row in found:
            values = [_plain(*pair) for pair in zip(table.columns, row, strict=True)]
            line = {
                "table": table.name,
                "row": dict(zip([column.name for column in table.columns], values, strict=True)),
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            counts[table.name] += 1
    file.write(json.dumps({"rows": counts}) + "\n")
    return Done(counts, made_at)


def load(path: Path, by: By) -> Done:
    """Fill an empty, migrated database from a backup, all or nothing; every destination is paused,
    and messages about alerts that were pending then are not sent.

    Raises Refusal if the file is not a complete backup or is from another version, if the database
    is not empty, or if our encryption keys cannot decrypt its secrets.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file, db.engine.begin() as connection:
            return _read(connection, (json.loads(line) for line in file), by)
    except (OSError, EOFError, zlib.error, *NOT_OURS) as exc:
        raise Refusal(
            f"{path} is not a complete backup of Relay, so nothing was changed: {exc}."
        ) from exc


def _read(connection: Connection, lines: Iterator[dict[str, Any]], by: By) -> Done:
    head = next(lines, {})
    if head.get("format") != FORMAT:
        raise ValueError("its first line is not the header of a backup")
    ours = _revision(connection)
    if head["revision"] != ours:
        raise Refusal(
            f"The backup was made by another version of Relay (tables {head['revision']}, here {ours}). "
            "Restore it with that version, then upgrade."
        )
    tables = {one.name: one for one in _tables()}
    for table in tables.values():
        if connection.scalar(select(func.count()).select_from(table)):
            raise Refusal(
                f"This database is not empty ({table.name} has rows), so nothing was changed. "
                "Restore into a new database: set DATABASE_URL and run flask db upgrade first."
            )
    counts = dict.fromkeys(tables, 0)
    waiting: list[dict[str, Any]] = []
    last = ""
    for line in lines:
        if "rows" in line:
            _insert(connection, tables.get(last), waiting)
            if line["rows"] != counts:
                raise ValueError("rows are missing")
            break
        if line["table"] != last or len(waiting) >= BATCH:
            _insert(connection, tables.get(last), waiting)
            waiting, last = [], line["table"]
        columns = {column.name: column for column in tables[last].columns}
        row = {
            columns[name].key: _typed(columns[name], value) for name, value in line["row"].items()
        }
        waiting.append(row)
        counts[last] += 1
    else:
        raise ValueError("the end is missing")
    if unreadable := encryption.unreadable(connection):
        raise Refusal(
            f"RELAY_ENCRYPTION_KEYS cannot decrypt the backup's secrets ({unreadable[0]}), so nothing "
            "was changed. Set the keys that were in use when it was made."
        )
    made_at = datetime.fromisoformat(head["made_at"])
    database.reset_sequences(connection, _tables())
    connection.execute(
        update(Destination)
        .where(Destination.state == DestinationState.ACTIVE)
        .values(state=DestinationState.PAUSED, paused_reason=PAUSED)
    )
    connection.execute(
        update(AlertMessage)
        .where(AlertMessage.state == AlertMessageState.PENDING)
        .values(state=AlertMessageState.SKIPPED, error=NOT_SENT, claimed_until=None)
    )
    connection.execute(update(Revision).values(number=Revision.number + 1))
    detail = {"made_at": made_at.isoformat(), "rows": sum(counts.values())}
    add_audit_entry(connection, by.actor, "backup.restore", "all of Relay", detail, by.address)
    done = Done(counts, made_at)
    _set_milestone(connection, done)
    audit_anchor.forget()
    return done


def _insert(connection: Connection, table: Table | None, rows: list[dict[str, Any]]) -> None:
    if table is not None and rows:
        partitions.cover(connection, table.name, rows)
        connection.execute(insert(table), rows)
