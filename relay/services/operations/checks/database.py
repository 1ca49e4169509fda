"""The database: does it answer, do its tables fit, can an event be committed, can secrets be read?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path

from flask import current_app
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from relay import database
from relay.database import READ_ONLY
from relay.extensions import READ_BIND
from relay.i18n import N_, _
from relay.models import db
from relay.observability.health import Finding, Level, error, ok, split_advice, warning
from relay.services.operations import encryption
from relay.services.operations.checks.runner import database_error, isolated

ANSWER_WITHIN_MS = 3_000
CLOCKS_APART_S, CLOCKS_FAR_APART_S = 2.0, 60.0
POOL_MODES = {
    None: N_("Relay connects to PostgreSQL directly, or to SQLite."),
    "session": N_(
        "A connection pooler is in session mode: each connection of Relay occupies one of the "
        "server, so transaction mode needs fewer."
    ),
    "transaction": N_("A connection pooler is in transaction mode, which Relay supports."),
}
MIGRATIONS = Path(__file__).resolve().parents[4] / "migrations"
REVISION = re.compile(r'^(down_)?revision = "(\w+)"', re.MULTILINE)


@contextmanager
def reading() -> Iterator[Connection]:
    """A connection that waits neither for a writer nor longer than a few seconds for an answer."""
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        database.limit_statements(connection, ANSWER_WITHIN_MS)
        yield connection


@lru_cache(maxsize=1)
def newest_revisions() -> frozenset[str]:
    """The heads of the migrations in this version of the code.

    They are read as text: Alembic would execute every migration, and stay in the memory of the process.
    """
    files = (path.read_text(encoding="utf-8") for path in MIGRATIONS.glob("versions/*.py"))
    found = [one for file in files for one in REVISION.findall(file)]
    earlier = {name for is_earlier, name in found if is_earlier}
    return frozenset(name for is_earlier, name in found if not is_earlier) - earlier


def revisions_of(connection: Connection) -> set[str]:
    """The revisions of the tables; empty without tables."""
    if not inspect(connection).has_table("alembic_version"):
        return set()
    return set(connection.scalars(text("SELECT version_num FROM alembic_version")))


def check(usable: Future[bool]) -> Iterator[Finding]:
    """``usable`` becomes whether the other groups can read the tables: this group says why not."""
    try:
        basics = check_tables()
        yield from basics
        is_usable = all(one.level is not Level.ERROR for one in basics)
        usable.set_result(is_usable)
    finally:
        if not usable.done():
            usable.set_result(False)
    if is_usable:
        yield from isolated("encryption key", check_signing_keys)
        yield from isolated("stored secrets", check_secrets)
        yield from check_events()
    if basics[0].level is not Level.ERROR:
        yield from isolated("clock", check_clock)
        yield from check_pooler()
        yield from check_replica()


def check_tables() -> list[Finding]:
    """Whether the database answers and its tables are those of this version.  Never raises."""
    try:
        with reading() as connection:
            answered = ok(
                "database", _("The database (%(name)s) responds.", name=connection.dialect.name)
            )
            return [answered, check_schema(connection)]
    except SQLAlchemyError as exc:
        return [database_error("database", exc)]


def check_schema(connection: Connection) -> Finding:
    found = revisions_of(connection)
    if found == newest_revisions():
        return ok(
            "migrations",
            _("The tables are at the newest version (%(names)s).", names=", ".join(found)),
        )
    if not found:
        return error(
            "migrations",
            _("The database has no tables yet."),
            _("Run: %(command)s", command="flask db upgrade"),
        )
    if all(one.isdigit() for one in found) and max(found) > max(newest_revisions()):
        return warning(
            "migrations",
            _(
                "The tables are at version %(max)s, newer than this process. It continues to work"
                " during an upgrade.",
                max=max(found),
            ),
            _("Restart it with the new version of Relay."),
        )
    return error(
        "migrations",
        _(
            "The tables are at version %(names)s, this version of Relay needs %(needed)s.",
            names=", ".join(sorted(found)),
            needed=", ".join(sorted(newest_revisions())),
        ),
        _("Run: %(command)s", command="flask db upgrade"),
    )


def check_replica() -> Iterator[Finding]:
    """Whether pages can be read from the replica of DATABASE_READ_URL; nothing without one."""
    engine = db.engines.get(READ_BIND)
    if engine is None:
        return
    effect = _("so all pages are read from the primary")
    try:
        with engine.connect() as connection:
            database.limit_statements(connection, ANSWER_WITHIN_MS)
            lag_s = database.replica_lag_s(connection)
    except SQLAlchemyError as exc:
        yield warning(
            "read-only replica",
            _(
                "The replica (DATABASE_READ_URL) does not answer (%(error)s), %(effect)s.",
                error=type(exc).__name__,
                effect=effect,
            ),
            _("Start it, or correct DATABASE_READ_URL."),
        )
        return
    if lag_s is None or lag_s > database.MOST_LAG_S:
        behind = (
            _("receives nothing from its primary")
            if lag_s is None
            else _("is %(num)s s behind", num=round(lag_s))
        )
        yield warning(
            "read-only replica",
            _(
                "The replica (DATABASE_READ_URL) %(behind)s, %(effect)s.",
                behind=behind,
                effect=effect,
            ),
            _("Check its connection to the primary and its load."),
        )
        return
    yield ok(
        "read-only replica",
        _("Pages are read from the replica; it is %(lag_s)s s behind.", lag_s=f"{lag_s:.0f}"),
    )


def check_signing_keys() -> Iterator[Finding]:
    """The keys of the sites: ingest needs nothing else that is encrypted."""
    with reading() as connection:
        yield _secrets("encryption key", encryption.unreadable(connection, encryption.SIGNING_KEY))


def check_secrets() -> Iterator[Finding]:
    """Each other noun with stored secrets."""
    with reading() as connection:
        for noun in dict.fromkeys(noun for *_, noun in encryption.SEALED):
            if noun != encryption.SIGNING_KEY:
                name = f"{noun} secrets"  # i18n: keep
                yield _secrets(name, encryption.unreadable(connection, noun))


def _secrets(check: str, closed: list[str]) -> Finding:
    if not closed:
        return ok(check, _("Every stored secret can be decrypted."))
    more = _(" and %(num)s more", num=len(closed) - 3) if len(closed) > 3 else ""
    return error(
        check,
        _(
            "RELAY_ENCRYPTION_KEYS cannot decrypt the secret of %(names)s%(more)s.",
            names=", ".join(closed[:3]),
            more=more,
        ),
        _("Restore the key that encrypted it, or enter the secret again."),
    )


def check_events() -> list[Finding]:
    """Whether an event could be committed now."""
    commits = current_app.extensions["relay_commit_check"]
    reason = commits.reason()
    if reason is None:
        return [ok("events", _("An event can be committed."))]
    finding = error("events", *split_advice(_(reason)))
    is_from_check = reason == commits.result
    return [replace(finding, reason=commits.driver_reason if is_from_check else "")]


def check_clock() -> list[Finding]:
    with reading() as connection:
        before = datetime.now(UTC)
        theirs = database.now(connection)
        ours = before + (datetime.now(UTC) - before) / 2
    return [compare_clocks("clock", (ours - theirs).total_seconds(), N_("the database's"))]


def compare_clocks(check: str, ahead_s: float, other: str) -> Finding:
    """``ahead_s`` is how far this machine's clock is ahead of the ``other``."""
    apart_s = abs(ahead_s)
    if apart_s <= CLOCKS_APART_S:
        return ok(
            check,
            _(
                "This machine's clock agrees with %(other)s (%(apart_s)s ms apart).",
                other=_(other),
                apart_s=f"{apart_s * 1000:.0f}",
            ),
        )
    level = partial(error if apart_s > CLOCKS_FAR_APART_S else warning, check)
    return level(
        _(
            "This machine's clock is %(num)s s ahead of %(other)s; the requests of the sites are checked by it.",
            num=f"{apart_s:.1f}",
            other=_(other),
        )
        if ahead_s > 0
        else _(
            "This machine's clock is %(num)s s behind %(other)s; the requests of the sites are checked by it.",
            num=f"{apart_s:.1f}",
            other=_(other),
        ),
        _("Turn on time synchronization (NTP) on both machines."),
    )


def check_pooler() -> list[Finding]:
    try:
        return [ok("connection pooler", _(POOL_MODES[database.pool_mode(db.engine)]))]
    except SQLAlchemyError:
        return []  # the database's finding says why
