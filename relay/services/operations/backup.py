"""Backup and restore: all of Relay in one file, between databases of either kind.

The file is gzipped JSON lines: a header, then every table in the order of its foreign keys, then
the number of rows, so that a truncated file is noticed.  Secrets stay sealed: without the
encryption key, which is not in the file, no one can use them.
"""

from __future__ import annotations

# i18n: keep file - for operators, at a command; and notes that are stored
import base64
import gzip
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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


def tables() -> list[Table]:
    return [one for one in db.metadata.sorted_tables if one.name not in LEFT_OUT]


def revision(connection: Connection) -> str:
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


class Dump:
    """The lines of a backup of everything that ``connection`` sees.  ``done`` is set at the end."""

    def __init__(self, connection: Connection):
        self.connection, self.done = connection, Done({}, database.now(connection))

    def __iter__(self) -> Iterator[bytes]:
        made_at = self.done.made_at.isoformat()
        head = {"format": FORMAT, "revision": revision(self.connection), "made_at": made_at}
        yield json.dumps(head).encode() + b"\n"
        for table in tables():
            self.done.rows[table.name] = 0
            for row in rows_of(self.connection, table):
                line = {"table": table.name, "row": row}
                yield json.dumps(line, ensure_ascii=False).encode() + b"\n"
                self.done.rows[table.name] += 1
        yield json.dumps({"rows": self.done.rows}).encode() + b"\n"

    def compressed(self) -> Iterator[bytes]:
        """The backup as a gzip file, in pieces."""
        squeeze = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
        for line in self:
            if piece := squeeze.compress(line):
                yield piece
        yield squeeze.flush()


def rows_of(connection: Connection, table: Table) -> Iterator[dict[str, Any]]:
    """The rows of a table as JSON can store them."""
    names = [column.name for column in table.columns]
    for row in connection.execution_options(yield_per=BATCH).execute(select(table)):
        values = (_plain(*pair) for pair in zip(table.columns, row, strict=True))
        yield dict(zip(names, values, strict=True))


@contextmanager
def dumping() -> Iterator[Dump]:
    """A dump of the database at one moment, while Relay runs."""
    with database.snapshot(db.engine) as connection:
        partitions.hold(connection)
        yield Dump(connection)


def save(path: Path) -> Done:
    """Write the database at one moment to ``path``, readable only by its owner.

    An older file there is replaced when the new one is complete.  Raises Refusal.
    """
    part = path.with_name(path.name + ".part")
    try:
        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
        with dumping() as dump, os.fdopen(os.open(part, flags, 0o600), "wb") as file:
            for piece in dump.compressed():
                file.write(piece)
        os.replace(part, path)
        remember(dump.done)
    except OSError as exc:
        raise Refusal(f"The backup could not be written to {path}: {exc.strerror}.") from exc
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return dump.done


def send_to(file: IO[bytes]) -> Done:
    """Write a backup to an open file, such as a pipe.  Raises Refusal."""
    try:
        with dumping() as dump:
            for piece in dump.compressed():
                file.write(piece)
        file.flush()
    except OSError as exc:
        raise Refusal(f"The backup could not be written: {exc.strerror}.") from exc
    remember(dump.done)
    return dump.done


def remember(done: Done) -> None:
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


def load(path: Path, by: By) -> Done:
    """Restore a file that ``save`` wrote.  Raises Refusal, see ``restore``."""
    try:
        with path.open("rb") as file:
            return restore(file, str(path), by)
    except OSError as exc:
        raise Refusal(f"{path} cannot be read: {exc.strerror}.") from exc


def restore(file: IO[bytes], name: str, by: By) -> Done:
    """Fill an empty, migrated database from a backup, all or nothing; every destination is paused,
    and messages about alerts that were pending then are not sent.

    Raises Refusal if the file is not a complete backup or is from another version, if the database
    is not empty, or if our encryption keys cannot decrypt its secrets.
    """
    try:
        with db.engine.begin() as connection:
            done = fill(connection, read_lines(file), revision(connection))
            _settle(connection, done, by)
            return done
    except (OSError, EOFError, zlib.error, *NOT_OURS) as exc:
        raise Refusal(
            f"{name} is not a complete backup of Relay, so nothing was changed: {exc}."
        ) from exc


def read_lines(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    with gzip.open(file, "rt", encoding="utf-8") as text_file:
        for line in text_file:
            yield json.loads(line)


def fill(connection: Connection, lines: Iterator[dict[str, Any]], ours: str) -> Done:
    """Store the rows of a backup in an empty database with the tables of the revision ``ours``.

    Raises Refusal, and ValueError or another of NOT_OURS if the lines are not a complete backup.
    """
    head = next(lines, {})
    if head.get("format") != FORMAT:
        raise ValueError("its first line is not the header of a backup")
    if head["revision"] != ours:
        raise Refusal(
            f"The backup was made by another version of Relay (tables {head['revision']}, here {ours}). "
            "Restore it with that version, then upgrade."
        )
    by_name = {one.name: one for one in tables()}
    for table in by_name.values():
        if connection.scalar(select(func.count()).select_from(table)):
            raise Refusal(
                f"This database is not empty ({table.name} has rows), so nothing was changed. "
                "Restore into a new database: set DATABASE_URL and run flask db upgrade first."
            )
    counts = dict.fromkeys(by_name, 0)
    waiting: list[dict[str, Any]] = []
    last = ""
    for line in lines:
        if "rows" in line:
            _insert(connection, by_name.get(last), waiting)
            if line["rows"] != counts:
                raise ValueError("rows are missing")
            break
        if line["table"] != last or len(waiting) >= BATCH:
            _insert(connection, by_name.get(last), waiting)
            waiting, last = [], line["table"]
        columns = {column.name: column for column in by_name[last].columns}
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
    return Done(counts, datetime.fromisoformat(head["made_at"]))


def _settle(connection: Connection, done: Done, by: By) -> None:
    """What differs from the moment of the backup: nothing is sent before a person has looked."""
    database.reset_sequences(connection, tables())
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
    detail = {"made_at": done.made_at.isoformat(), "rows": done.total}
    add_audit_entry(connection, by.actor, "backup.restore", "all of Relay", detail, by.address)
    _set_milestone(connection, done)
    audit_anchor.forget()


def _insert(connection: Connection, table: Table | None, rows: list[dict[str, Any]]) -> None:
    if table is not None and rows:
        partitions.cover(connection, table.name, rows)
        connection.execute(insert(table), rows)
