"""Frozen copies of the sources and their keys, so that a request is authenticated without a query.

Every second a thread reads the revision number of the sources and reloads them if it has changed: a
rotation or revocation takes effect in every process within a few seconds.  The validity of keys is
checked against the database's clock.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from relay.database import READ_ONLY
from relay.errors import SecretUnreadable, Unavailable
from relay.ingest.signature import VerifyingKey
from relay.ingest.store.connection import DedicatedConnection
from relay.ingest.waiting import is_in_loop
from relay.mapping.redaction_rules import Redactor, read_rules
from relay.models import AllowedNetwork, Revision, SigningKey, Source, db_now
from relay.observability.logging import log
from relay.rules.states import KeyState, SourceState, SourceType
from relay.secrets import SecretBox

CHECK_EVERY_S = 1.0
STALE_S = 4.0  # a revoked key must stop working within 5 s
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class SourceSnapshot:
    """A source with its keys (newest first) and allowed networks.  ``per_minute`` 0 means no limit.

    ``redactor`` is None without privacy settings.  ``name``, ``url`` and ``type`` are those of the row.
    """

    id: int
    slug: str
    per_minute: int
    keys: tuple[VerifyingKey, ...]
    networks: tuple[Network, ...]
    redactor: Redactor | None = None
    name: str = ""
    url: str = ""
    type: SourceType = SourceType.PLUGIN

    def allows(self, address: str) -> bool:
        """Whether requests from this address are allowed; without a list, all are."""
        if not self.networks:
            return True
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed.version == net.version and parsed in net for net in self.networks)


@dataclass(frozen=True)
class Snapshot:
    """All active sources of signed events, and in ``webhooks`` the others, by type and slug.

    ``unreadable`` has the ids of keys that Relay cannot decrypt.
    """

    revision: int
    by_slug: dict[str, SourceSnapshot]
    by_key: dict[str, SourceSnapshot]
    by_id: dict[int, SourceSnapshot]
    unreadable: frozenset[str]
    webhooks: dict[tuple[SourceType, str], SourceSnapshot] = field(default_factory=dict)


class Snapshots:
    """The newest snapshot, updated by a thread that starts with the first request."""

    def __init__(self, engine: Engine, box: SecretBox):
        self.connection, self.box = DedicatedConnection(engine, **READ_ONLY), box
        self.newest: Snapshot | None = None
        self.checked_at, self.failed_at = 0.0, -CHECK_EVERY_S
        self.clock_ahead = timedelta(0)
        self.secrets: dict[tuple[int, str], str | None] = {}  # by key row and sealed secret
        self.lock, self.starting = threading.Lock(), threading.Lock()
        self.stopped = threading.Event()
        self.thread: threading.Thread | None = None

    def current(self) -> Snapshot:
        """Raises Unavailable if the database was never reached."""
        if self.newest is None and is_in_loop():  # it must not wait for the database
            self._start_thread()
            raise Unavailable("The database was not reached yet.")
        if self.thread is None or self.newest is None:
            with self.lock:
                if self.newest is None:
                    self._load_first()
                self._start_thread()
        assert self.newest is not None
        return self.newest

    def _load_first(self) -> None:
        """Requests that waited for another one's failure do not try again at once.  Raises Unavailable."""
        if time.monotonic() - self.failed_at < CHECK_EVERY_S:
            raise Unavailable("The database cannot be read.")
        try:
            self._refresh()
        except Unavailable:
            self.failed_at = time.monotonic()
            raise

    def _start_thread(self) -> None:
        with self.starting:
            if self.thread is None and not self.stopped.is_set():
                self.thread = threading.Thread(target=self._run, name="snapshots", daemon=True)
                self.thread.start()

    @property
    def is_stale(self) -> bool:
        """Whether a revocation may have been missed.  Then no request can be accepted."""
        return time.monotonic() - self.checked_at > STALE_S

    def now(self) -> datetime:
        """The current time by the database's clock."""
        return datetime.now(UTC) + self.clock_ahead

    def close(self) -> None:
        self.stopped.set()
        if self.thread is not None:
            self.thread.join(5)
        self.connection.drop()

    def _run(self) -> None:
        while not self.stopped.wait(CHECK_EVERY_S):
            with self.lock:
                try:
                    self._refresh()
                except Unavailable:
                    log("snapshots.wait", level="warning", reason="The database cannot be read.")

    def reload(self) -> None:
        """Reload now instead of within a second.  Raises Unavailable."""
        with self.lock:
            self._refresh()

    def _refresh(self) -> None:
        """Reload if anything has changed.  The caller holds ``lock``.  Raises Unavailable."""
        began = time.monotonic()
        try:
            with self.connection.open().begin() as transaction:
                self._load_if_changed(transaction.connection)
        except SQLAlchemyError as exc:
            self.connection.drop()
            raise Unavailable("The database cannot be read.") from exc
        self.checked_at = began

    def _load_if_changed(self, connection: Connection) -> None:
        revision, now = connection.execute(
            select(Revision.number, db_now()).where(Revision.subject == "sources")
        ).one()
        self.clock_ahead = now - datetime.now(UTC)
        if self.newest is None or self.newest.revision != revision:
            self.newest = self._load(connection, revision)

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
        sources = [
            SourceSnapshot(
                row.id,
                row.slug,
                row.per_minute,
                tuple(keys[row.id]),
                tuple(networks[row.id]),
                Redactor(read_rules(row.redaction)) if row.redaction else None,
                row.name,
                row.url,
                row.type,
            )
            for row in connection.execute(
                select(
                    *(Source.id, Source.slug, Source.per_minute, Source.redaction),
                    *(Source.name, Source.url, Source.type),
                )
                .where(Source.state == SourceState.ACTIVE)
                .order_by(Source.id)
            )
        ]
        signed = [source for source in sources if source.type is SourceType.PLUGIN]
        return Snapshot(
            revision=revision,
            by_slug={source.slug: source for source in signed},
            by_key={key.key_id: source for source in signed for key in source.keys},
            by_id={source.id: source for source in signed},
            unreadable=frozenset(unreadable),
            webhooks={
                (source.type, source.slug): source
                for source in sources
                if source.type is not SourceType.PLUGIN
            },
        )

    def _prepare(self, row: Any) -> VerifyingKey | None:
        """None if the secret cannot be decrypted: the other keys must still work."""
        sealed = (row.id, row.sealed_secret)
        if sealed not in self.secrets:
            try:
                self.secrets[sealed] = self.box.open_sealed(row.sealed_secret)
            except SecretUnreadable as exc:
                self.secrets[sealed] = None
                log("key.unreadable", level="error", key=row.key_id, reason=str(exc))
        secret = self.secrets[sealed]
        if secret is None:
            return None
        return VerifyingKey.prepare(
            secret,
            row.id,
            row.key_id,
            row.source_id,
            row.not_before,
            row.not_after,
            row.state == KeyState.REVOKED,
        )
