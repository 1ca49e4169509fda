"""Health checks: ``doctor`` checks everything, ``/readyz`` whether an event could be committed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from config import Config
from relay import database
from relay.database import READ_ONLY
from relay.database_errors import explain
from relay.models import DeadLetter, Delivery, Destination, db
from relay.observability import health
from relay.observability.health import Finding, Level, fail, ok, warn
from relay.rules.lifecycle import State
from relay.rules.states import DeadLetterState, DestinationState
from relay.rules.status import Status, destination_status
from relay.services.deliveries import oldest_due
from relay.services.operations import encryption

ANSWER_WITHIN_MS = 3_000
LATE_S, CLOCKS_APART_S = 60.0, 2.0
CIRCUIT_GAUGE = {Status.PAUSED: 2, Status.HELD: 1, Status.CIRCUIT_OPEN: 1}
NEEDED = ("database", "migrations", "encryption key", "events")  # by /readyz
POOL_MODES = {
    None: "Relay connects to PostgreSQL directly, or to SQLite.",
    "session": "A connection pooler is in session mode. Each connection of Relay occupies one of the "
    "server, so transaction mode needs fewer.",
    "transaction": "A connection pooler is in transaction mode, which Relay supports.",
}
MIGRATIONS = Path(__file__).resolve().parents[3] / "migrations"


@contextmanager
def reading() -> Iterator[Connection]:
    """A connection that waits neither for a writer nor longer than a few seconds for an answer."""
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        database.limit_statements(connection, ANSWER_WITHIN_MS)
        yield connection


@lru_cache(maxsize=1)
def newest_revisions() -> frozenset[str]:
    """The heads of the migrations in this version of the code."""
    return frozenset(ScriptDirectory(str(MIGRATIONS)).get_heads())


def diagnose() -> list[Finding]:
    """Every check with a sentence.  Never raises."""
    config: Config = current_app.extensions["relay_config"]
    return [
        _settings(config),
        *_database(full=True),
        *_pooler(),
        *_events(),
        *health.check_broker(_client()),
        *health.check_heartbeats(_client()),
        health.check_data_dir(config.data_dir),
        health.check_disk(config.data_dir),
    ]


def readiness() -> tuple[list[str], list[str]]:
    """-> why an event could not be committed now (empty if it could), and other problems."""
    findings = [*_database(full=False), *_events()]
    reasons = [one for one in findings if one.level is Level.FAIL and one.check in NEEDED]
    findings += [*health.check_broker(_client()), *health.check_heartbeats(_client())]
    warnings = [one for one in findings if one.level is not Level.OK and one not in reasons]
    return (
        [f"{one.check}: {one.sentence}" for one in reasons],
        [f"{one.check}: {one.sentence}" for one in warnings],
    )


def _client() -> Any:
    return current_app.extensions["relay_broker"].broker.client


def _settings(config: Config) -> Finding:
    if not config.public_url:
        return warn(
            "settings",
            "RELAY_PUBLIC_URL is not set, so endpoints are shown with this machine's own address. "
            "Set it to the address that sites reach.",
        )
    if config.public_url.startswith("http://"):
        return warn(
            "settings", "RELAY_PUBLIC_URL uses plain HTTP. Put an HTTPS proxy in front of Relay."
        )
    return ok("settings", "All settings are valid.")


def _database(full: bool) -> list[Finding]:
    try:
        with reading() as connection:
            found = [ok("database", f"{connection.dialect.name} responds.")]
            schema = _schema(connection)
            found.append(schema)
            if full:
                found.append(_clock(connection))
            if schema.level is not Level.FAIL:
                found += _encryption(connection)
                if full:
                    found.append(_due(connection))
            return found
    except SQLAlchemyError as exc:
        return [fail("database", explain(exc))]


def _pooler() -> list[Finding]:
    try:
        return [ok("connection pooler", POOL_MODES[database.pool_mode(db.engine)])]
    except SQLAlchemyError:
        return []  # the database's finding says why


def _events() -> list[Finding]:
    """Whether an event could be committed now."""
    reason = current_app.extensions["relay_commit_check"].reason()
    return [fail("events", reason) if reason else ok("events", "An event can be committed.")]


def _schema(connection: Connection) -> Finding:
    found = set(MigrationContext.configure(connection).get_current_heads())
    if found == newest_revisions():
        return ok("migrations", f"The tables are at the newest version ({', '.join(found)}).")
    if not found:
        return fail("migrations", "The database has no tables yet. Run: flask db upgrade")
    if all(one.isdigit() for one in found) and max(found) > max(newest_revisions()):
        return warn(
            "migrations",
            f"The tables are at version {max(found)}, newer than this process. It continues to work "
            "during an upgrade. Restart it with the new version of Relay.",
        )
    return fail(
        "migrations",
        f"The tables are at version {', '.join(sorted(found))}, this version of Relay needs "
        f"{', '.join(sorted(newest_revisions()))}. Run: flask db upgrade",
    )


def _encryption(connection: Connection) -> list[Finding]:
    """One finding for the keys of the sites, which ingest needs, and one for the destinations."""
    return [
        _secrets(check, encryption.unreadable(connection, noun))
        for check, noun in (
            ("encryption key", encryption.SIGNING_KEY),
            ("destination secrets", encryption.DESTINATION),
            ("alert channel secrets", encryption.CHANNEL),
        )
    ]


def _secrets(check: str, closed: list[str]) -> Finding:
    if not closed:
        return ok(check, "Every stored secret can be decrypted.")
    return fail(
        check,
        f"RELAY_ENCRYPTION_KEYS cannot decrypt the secret of {', '.join(closed[:3])}"
        + (f" and {len(closed) - 3} more" if len(closed) > 3 else "")
        + ". Restore the key that encrypted it, or enter the secret again.",
    )


def _clock(connection: Connection) -> Finding:
    before = datetime.now(UTC)
    theirs = database.now(connection)
    ours = before + (datetime.now(UTC) - before) / 2
    apart = abs((theirs - ours).total_seconds())
    if apart > CLOCKS_APART_S:
        return warn(
            "clock",
            f"This machine's clock and the database's are {apart:.1f} s apart. Signatures are "
            "checked by this clock: turn on time synchronization (NTP) on both.",
        )
    return ok("clock", f"It agrees with the database's ({apart * 1000:.0f} ms apart).")


def oldest_due_s(connection: Connection) -> float:
    """How late the oldest due delivery is that can be sent, in seconds; 0 when none is due."""
    now = database.now(connection)
    due = connection.scalar(oldest_due())
    return max(0.0, (now - due).total_seconds()) if due else 0.0


def _due(connection: Connection) -> Finding:
    late = oldest_due_s(connection)
    if late > LATE_S:
        return warn(
            "deliveries",
            f"The oldest due delivery is {timedelta(seconds=round(late))} late. Check that the "
            "worker and the scheduler run, and whether its destination is slow.",
        )
    return ok("deliveries", "No delivery is late.")


def gauges() -> tuple[dict[str, int], float, int, dict[str, int]]:
    """Deliveries by state, oldest due in seconds, open dead letters, circuit by destination.

    A circuit is 0 closed, 1 open or held, 2 paused.  Raises SQLAlchemyError.
    """
    with reading() as connection:
        counts = dict.fromkeys((state.value for state in State), 0)
        for state, number in connection.execute(
            select(Delivery.state, func.count()).group_by(Delivery.state)
        ):
            counts[state] = number
        letters = connection.scalar(
            select(func.count())
            .select_from(DeadLetter)
            .where(DeadLetter.state != DeadLetterState.RESOLVED)
        )
        now = database.now(connection)
        circuits = {
            row.name: CIRCUIT_GAUGE.get(destination_status(row, now).status, 0)
            for row in connection.execute(
                select(Destination.__table__).where(Destination.state != DestinationState.CLOSED)
            )
        }
        return counts, oldest_due_s(connection), letters or 0, circuits
