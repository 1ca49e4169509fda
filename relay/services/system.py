"""Whether all that Relay stands on is right, and its housekeeping."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from redis.exceptions import RedisError
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from relay import secrets
from relay.errors import SecretUnreadable
from relay.models import Attempt, DeadLetter, Delivery, Destination, Event, Replay, SigningKey, db
from relay.services import keys, overview
from relay.services.audit import By, record

LATE_S = 300
BATCH = 500


@dataclass(frozen=True)
class Finding:
    """``level`` is ok, warn or fail; ``sentence`` says what is so and what to do."""

    check: str
    level: str
    sentence: str


def check_database() -> Finding:
    try:
        ahead = time.time() - keys.database_now().timestamp()
    except SQLAlchemyError:
        db.session.rollback()
        return Finding("database", "fail", "The database does not answer. Check DATABASE_URL.")
    if abs(ahead) > 5:
        return Finding(
            "database",
            "warn",
            f"Its clock and this host's are {abs(ahead):.0f} s apart. Set both by NTP.",
        )
    return Finding("database", "ok", f"{db.engine.dialect.name} answers.")


def check_migrations() -> Finding:
    folder = AlembicConfig()
    folder.set_main_option("script_location", current_app.extensions["migrate"].directory)
    head = ScriptDirectory.from_config(folder).get_current_head()
    try:
        current = MigrationContext.configure(db.session.connection()).get_current_revision()
    except SQLAlchemyError:
        db.session.rollback()
        return Finding(
            "migrations", "fail", "They cannot be read, since the database does not answer."
        )
    if current != head:
        return Finding("migrations", "fail", "The tables are not up to date. Run: flask db upgrade")
    return Finding("migrations", "ok", "The tables are up to date.")


def check_broker() -> Finding:
    client = current_app.extensions["relay_broker"].broker.client
    try:
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "unknown")
    except (RedisError, OSError):
        return Finding(
            "broker",
            "fail",
            "Redis does not answer. Events are still accepted; deliveries wait. Check REDIS_URL.",
        )
    if policy != "noeviction":
        return Finding(
            "broker",
            "fail",
            f"Redis may throw messages away (maxmemory-policy {policy}). Set it to noeviction.",
        )
    return Finding("broker", "ok", "Redis answers and keeps everything.")


def check_encryption() -> Finding:
    try:
        sealed = [
            *db.session.scalars(select(SigningKey.sealed_secret)),
            *db.session.scalars(
                select(Destination.sealed_secrets).where(Destination.sealed_secrets != "")
            ),
        ]
        for one in sealed:
            secrets.box().open_sealed(one)
    except SecretUnreadable as exc:
        return Finding("encryption key", "fail", str(exc))
    except SQLAlchemyError:
        db.session.rollback()
        return Finding("encryption key", "fail", "Not checked, since the database does not answer.")
    return Finding("encryption key", "ok", f"It opens all {len(sealed)} stored secrets.")


def check_processes() -> Finding:
    client = current_app.extensions["relay_broker"].broker.client
    try:
        alive = {
            role: len(list(client.scan_iter(f"relay:heartbeat:{role}:*", count=1000)))
            for role in ("worker", "scheduler")
        }
    except (RedisError, OSError):
        return Finding("processes", "warn", "Not known, since Redis does not answer.")
    missing = [role for role, count in alive.items() if not count]
    if missing:
        return Finding("processes", "warn", f"No {' and no '.join(missing)} runs. Start it.")
    return Finding("processes", "ok", ", ".join(f"{n} {role}" for role, n in alive.items()) + ".")


def check_backlog() -> Finding:
    try:
        late = overview.oldest_due_s(keys.database_now())
    except SQLAlchemyError:
        db.session.rollback()
        return Finding("deliveries", "fail", "Not known, since the database does not answer.")
    if late > LATE_S:
        return Finding(
            "deliveries", "warn", f"The oldest is {late / 60:.0f} min late. Look for a paused one."
        )
    return Finding("deliveries", "ok", "None is late.")


def check_data_dir() -> Finding:
    folder = current_app.extensions["relay_config"].data_dir
    kept = folder / "secrets.env"
    if not os.access(folder, os.W_OK):
        return Finding("data directory", "fail", f"{folder} cannot be written to.")
    if kept.exists() and kept.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Finding("data directory", "fail", f"Others may read {kept}. Run: chmod 600 {kept}")
    space = os.statvfs(folder)
    free = space.f_bavail * space.f_frsize
    if free < 500 * 1024 * 1024:
        return Finding("data directory", "warn", f"Only {free // 2**20} MiB are free.")
    return Finding("data directory", "ok", f"{folder}, {free // 2**30} GiB free.")


READY: tuple[Callable[[], Finding], ...] = (
    check_database,
    check_migrations,
    check_broker,
    check_encryption,
)
EVERY = (*READY, check_processes, check_backlog, check_data_dir)


def examine(checks: tuple[Callable[[], Finding], ...] = EVERY) -> list[Finding]:
    """What each check finds; none of them raises."""
    return [check() for check in checks]


def rotate_encryption_keys(by: By) -> int:
    """Seal every stored secret with the newest key.  -> how many.  Raises SecretUnreadable."""
    rows = list(db.session.scalars(select(SigningKey).with_for_update()))
    for key in rows:
        key.sealed_secret = secrets.box().rotate(key.sealed_secret)
    destinations = list(
        db.session.scalars(
            select(Destination).where(Destination.sealed_secrets != "").with_for_update()
        )
    )
    for destination in destinations:
        destination.sealed_secrets = secrets.box().rotate(destination.sealed_secrets)
    count = len(rows) + len(destinations)
    record(by, "encryption.rotate", "all secrets", count=count)
    db.session.commit()
    return count


def prune() -> int:
    """Delete events past the retention time whose deliveries are all settled.  -> how many.

    In batches of 500; an event with an open delivery or an unresolved dead letter stays.
    """
    days = current_app.extensions["relay_config"].retention_days
    before = keys.database_now() - timedelta(days=days)
    open_delivery = (
        select(Delivery.id)
        .where(Delivery.event_pk == Event.id, Delivery.state.not_in(("delivered", "discarded")))
        .exists()
    )
    deleted = 0
    while True:
        ids = list(
            db.session.scalars(
                select(Event.id)
                .where(Event.received_at < before, Event.routed_at.is_not(None), ~open_delivery)
                .limit(BATCH)
            )
        )
        if not ids:
            db.session.commit()
            return deleted
        gone = select(Delivery.id).where(Delivery.event_pk.in_(ids))
        for table in (Attempt, DeadLetter, Replay):
            db.session.execute(delete(table).where(table.delivery_id.in_(gone)))
        db.session.execute(delete(Delivery).where(Delivery.event_pk.in_(ids)))
        db.session.execute(delete(Event).where(Event.id.in_(ids)))
        db.session.commit()
        deleted += len(ids)
