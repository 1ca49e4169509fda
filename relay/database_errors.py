"""What a database error means: a sentence for an operator, and whether an event's content caused it.

PostgreSQL's errors are known by their SQLSTATE, SQLite's by their extended code or their text.
Sources: https://www.postgresql.org/docs/current/errcodes-appendix.html,
https://www.sqlite.org/rescode.html
"""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from relay.i18n import N_

OLD_TABLES = N_(
    "The tables do not match this version of Relay: a table or column is missing. "
    "Run: flask db upgrade"
)
READ_ONLY = N_(
    "The database is read-only. It may be a standby, or its disk may be write-protected: point "
    "DATABASE_URL to the primary, or make the database writable again."
)
DISK_FULL = N_(
    "The database has no disk space left. Free space or enlarge the disk of the database server."
)
DISK_ERROR = N_(
    "The disk of the database reports an error. Check the disk and its free space; if the file is "
    "damaged, restore a backup."
)
CANCELLED = N_(
    "The database canceled the statement because it took longer than statement_timeout or "
    "lock_timeout. Find what blocks the table, or raise the limit for Relay's user."
)
NOT_ALLOWED = N_(
    "The database user lacks a permission. Grant it SELECT, INSERT, UPDATE and DELETE on all of "
    "Relay's tables, and USAGE on their sequences."
)
NO_CONNECTION_LEFT = N_(
    "The database has no connection left for Relay. Raise max_connections of PostgreSQL or "
    "max_client_conn of the pooler, or run fewer processes."
)
WRONG_ENCODING = N_(
    "The database cannot store every character, because its encoding is not UTF8. Create a database "
    "with the encoding UTF8 and move the data there with flask backup and flask restore."
)
LOCKED = N_(
    "Another program holds the write lock of the SQLite database. Stop that program, or use "
    "PostgreSQL."
)
STATEMENT_MODE = N_(
    "The connection pooler runs in statement mode, in which transactions are not possible. Set "
    "pool_mode = transaction in its configuration."
)
STARTUP_OPTION = N_(
    "The connection pooler refuses a parameter of the connection. Remove options from DATABASE_URL, "
    "or list it in ignore_startup_parameters of the pooler."
)
WRONG_LOGIN = N_(
    "The database refuses the user or the password of DATABASE_URL. Correct them, or pg_hba.conf "
    "of the server."
)
NO_DATABASE = N_("The database that DATABASE_URL names does not exist. Create it: createdb")
NO_RESPONSE = N_(
    "The database (DATABASE_URL) does not respond. Sites get 503 and retry automatically. "
    "Start the database, and check its address and password."
)
NO_FILE = N_(
    "Relay cannot open the SQLite file of DATABASE_URL. Check that its folder exists and that Relay's "
    "user may write to it."
)
IDS_USED_UP = N_(
    "A sequence of ids has reached its limit. Enlarge the type of the id column and the sequence."
)

BY_SQLSTATE = {
    "25006": READ_ONLY,
    "53100": DISK_FULL,
    "53300": NO_CONNECTION_LEFT,
    "58030": DISK_ERROR,
    "57014": CANCELLED,
    "55P03": CANCELLED,
    "42501": NOT_ALLOWED,
    "42P01": OLD_TABLES,
    "42703": OLD_TABLES,
    "22P05": WRONG_ENCODING,
    "2200H": IDS_USED_UP,
    "28000": WRONG_LOGIN,
    "28P01": WRONG_LOGIN,
    "3D000": NO_DATABASE,
}
# SQLite, and errors from before a session: those of a pooler and of the login have no SQLSTATE
BY_TEXT = (
    (r"statement pooling mode", STATEMENT_MODE),
    (r"unsupported startup parameter", STARTUP_OPTION),
    (r"no more connections allowed|too many (?:clients|connections)", NO_CONNECTION_LEFT),
    (r"no such (?:table|column)|has no column named", OLD_TABLES),
    (r"readonly database|read-only", READ_ONLY),
    (r"database or disk is full", DISK_FULL),
    (r"unable to open database file", NO_FILE),
    (r"disk I/O error|malformed|not a database", DISK_ERROR),
    (r"database (?:table )?is locked", LOCKED),
    (
        r"password authentication failed|no pg_hba\.conf entry|role \".*\" does not exist",
        WRONG_LOGIN,
    ),
    (r"database \".*\" does not exist|no such database", NO_DATABASE),
)
# data errors that every event would meet, or that another database would not have
NOT_BY_CONTENT = frozenset(("2200H", "22P05"))


def sqlstate_of(exc: SQLAlchemyError) -> str:
    """PostgreSQL's code of the error; "" for SQLite and for errors of the connection."""
    original: Any = getattr(exc, "orig", None)
    return getattr(original, "sqlstate", None) or ""


def is_unavailable(exc: SQLAlchemyError) -> bool:
    """Whether the database did not answer, so that the same request can succeed later."""
    from_server = isinstance(exc, DBAPIError) and type(exc).__name__ in (
        "OperationalError",
        "InterfaceError",
    )
    return from_server or isinstance(exc, PoolTimeout)


def explain(exc: SQLAlchemyError) -> str:
    """What happened and what to do, without the statement, its values and the database's URL."""
    if isinstance(exc, PoolTimeout):
        return NO_RESPONSE
    if found := BY_SQLSTATE.get(sqlstate_of(exc)):
        return found
    original = getattr(exc, "orig", None)
    text = str(original)
    for pattern, sentence in BY_TEXT:
        if re.search(pattern, text):
            return sentence
    if isinstance(exc, OperationalError) and not isinstance(original, sqlite3.Error):
        return NO_RESPONSE
    kind = type(original or exc).__name__
    return (
        f"The database rejects Relay's statements ({kind}). Run flask db upgrade and restart all "  # i18n: keep
        "processes; if it continues, report it with the log of the database."
    )


def driver_reason(exc: SQLAlchemyError) -> str:
    """The driver's own words, on one line of at most 200 characters; "" if they may have values.

    They can name hosts, users and tables: show them to operators only.
    """
    original: Any = getattr(exc, "orig", None)
    if isinstance(exc, DataError | IntegrityError) or original is None:
        return ""
    text = getattr(getattr(original, "diag", None), "message_primary", None) or str(original)
    return " ".join(text.split()).rstrip(".")[:200]


def is_caused_by_content(exc: Exception) -> bool:
    """Whether the values of a row can be at fault: NUL, a number out of range, text too long.

    True for a value that the driver cannot even encode (ValueError, OverflowError).  It does not say
    that another row would be accepted: try one.
    """
    if isinstance(exc, DataError):
        return sqlstate_of(exc) not in NOT_BY_CONTENT
    return isinstance(exc, ValueError | OverflowError) and not isinstance(exc, DBAPIError)
