"""Frozen copies of the sources, so that the way in needs no query to know who may send.

A thread looks at one number a second and reloads when it has changed: a rotation or revocation
counts in every process within a few seconds.  Key windows are judged by the database's clock.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from relay.database import READ_ONLY
from relay.errors import SecretUnreadable, Unavailable
from relay.ingest.signature import VerifyingKey
from relay.ingest.store.connection import DedicatedConnection
from relay.models import AllowedNetwork, Revision, SigningKey, Source, db_now
from relay.observability.logging import log
from relay.secrets import SecretBox

EVERY_S = 1.0
STALE_S = 4.0  # a revoked key must not pass for longer than 5 s
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class SourceSnapshot:
    """A source with its keys and networks, newest key first."""

    id: int
    slug: str
    per_minute: int
    keys: tuple[VerifyingKey, ...]
    networks: tuple[Network, ...]

    def takes_from(self, address: str) -> bool:
        """Whether a request may come from this address; with no list, from any."""
        if not self.networks:
            return True
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found.version == one.version and found in one for one in self.networks)


@dataclass(frozen=True)
class Snapshot:
    """``unreadable`` are the ids of keys whose stored secret does not open here."""

    revision: int
    by_slug: dict[str, SourceSnapshot]
    by_key: dict[str, SourceSnapshot]
    by_id: dict[int, SourceSnapshot]
    unreadable: frozenset[str]


class Snapshots:
    """The newest snapshot, kept fresh by a thread that starts with the first request."""

    def __init__(self, engine: Engine, box: SecretBox):
        self.own, self.box = DedicatedConnection(engine, **READ_ONLY), box
        self.newest: Snapshot | None = None
        self.checked_at = 0.0
        self.clock_ahead = timedelta(0)
        self.opened: dict[tuple[int, str], str | None] = {}
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.thread: threading.Thread | None = None

    def current(self) -> Snapshot:
        """Raises Unavailable while the database has never been reached."""
        if self.thread is None or self.newest is None:
            with self.lock:
                if self.newest is None:
                    self._refresh()
                if self.thread is None and not self.stopped.is_set():
                    self.thread = threading.Thread(target=self._run, name="snapshots", daemon=True)
                    self.thread.start()
        assert self.newest is not None
        return self.newest

    @property
    def is_stale(self) -> bool:
        """Whether a key may have been revoked unnoticed: then nothing may be accepted by it."""
        return time.monotonic() - self.checked_at > STALE_S

    def now(self) -> datetime:
        """The database's clock, as far as it is known."""
        return datetime.now(UTC) + self.clock_ahead

    def close(self) -> None:
        self.stopped.set()
        if self.thread is not None:
            self.thread.join(5)
        self.own.drop()

    def _run(self) -> None:
        while not self.stopped.wait(EVERY_S):
            with self.lock:
                try:
                    self._refresh()
                except Unavailable:
                    log("snapshots.wait", reason="The database cannot be read.")

    def catch_up(self) -> None:
        """Reload now: the next request relies on what was just handed out.  Raises Unavailable."""
        with self.lock:
            self._refresh()

    def _refresh(self) -> None:
        """Reload if anything has changed.  Hold ``lock``.  Raises Unavailable."""
        began = time.monotonic()
        try:
            with self.own.open().begin() as transaction:
                self._look(transaction.connection)
        except SQLAlchemyError as exc:
            self.own.drop()
            raise Unavailable("The database cannot be read.") from exc
        self.checked_at = began

    def _look(self, connection: Connection) -> None:
        found = connection.execute(
            select(Revision.number, db_now()).where(Revision.subject == "sources")
        ).one()
        self.clock_ahead = found[1] - datetime.now(UTC)
        if self.newest is None or self.newest.revision != found[0]:
            self.newest = self._load(connection, found[0])

    def _load(self, connection: Connection, revision: int) -> Snapshot:
        keys: dict[int, list[VerifyingKey]] = defaultdict(list)
        unreadable = set()
        table: Any = SigningKey.__table__
        for row in connection.execute(select(table).order_by(table.c.id.desc())):
            key = self._prepare(row)
            if key is None:
                unreadable.add(row.key_id)
            else:
                keys[row.source_id].append(key)
        networks: dict[int, list[Network]] = defaultdict(list)
        for source_id, cidr in connection.execute(
            select(AllowedNetwork.source_id, AllowedNetwork.cidr)
        ):
            networks[source_id].append(ipaddress.ip_network(cidr))
        found = [
            SourceSnapshot(
                row.id, row.slug, row.per_minute, tuple(keys[row.id]), tuple(networks[row.id])
            )
            for row in connection.execute(
                select(Source.id, Source.slug, Source.per_minute)
                .where(Source.state == "active")
                .order_by(Source.id)
            )
        ]
        return Snapshot(
            revision=revision,
            by_slug={one.slug: one for one in found},
            by_key={key.key_id: one for one in found for key in one.keys},
            by_id={one.id: one for one in found},
            unreadable=frozenset(unreadable),
        )

    def _prepare(self, row: Any) -> VerifyingKey | None:
        """One key that cannot be opened must not shut the door for all."""
        sealed = (row.id, row.sealed_secret)
        if sealed not in self.opened:
            try:
                self.opened[sealed] = self.box.open_sealed(row.sealed_secret)
            except SecretUnreadable as exc:
                self.opened[sealed] = None
                log("key.unreadable", key=row.key_id, reason=str(exc))
        secret = self.opened[sealed]
        if secret is None:
            return None
        return VerifyingKey.prepare(
            secret,
            row.id,
            row.key_id,
            row.source_id,
            row.not_before,
            row.not_after,
            row.state == "revoked",
        )
