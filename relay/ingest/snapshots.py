"""Frozen copies of the sources, so that the way in needs no query to know who may send.

A thread looks at one number a second and reloads when it has changed: a rotation or revocation
counts in every process within a few seconds.
"""

from __future__ import annotations

import ipaddress
import threading
from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from relay.database import READ_ONLY
from relay.errors import SecretUnreadable, Unavailable
from relay.ingest.signature import VerifyingKey
from relay.models import AllowedNetwork, Revision, SigningKey, Source
from relay.observability.logging import log
from relay.secrets import SecretBox

EVERY_S = 1.0
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
    revision: int
    by_slug: dict[str, SourceSnapshot]
    by_key: dict[str, SourceSnapshot]
    by_id: dict[int, SourceSnapshot]


class Snapshots:
    """The newest snapshot, kept fresh by a thread that starts with the first request."""

    def __init__(self, engine: Engine, box: SecretBox):
        self.engine = engine.execution_options(**READ_ONLY)
        self.box = box
        self.newest: Snapshot | None = None
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.thread: threading.Thread | None = None

    def current(self) -> Snapshot:
        """Raises Unavailable while the database has never been reached."""
        if self.newest is None or self.thread is None:
            with self.lock:
                if self.newest is None:
                    self.refresh()
                if self.thread is None:
                    self.thread = threading.Thread(target=self._run, name="snapshots", daemon=True)
                    self.thread.start()
        assert self.newest is not None
        return self.newest

    def _run(self) -> None:
        while not self.stopped.wait(EVERY_S):
            try:
                self.refresh()
            except Unavailable:
                log(
                    "snapshots.wait", reason="database away"
                )  # the last one stands; no commit can pass

    def refresh(self) -> None:
        """Reload if anything has changed.  Raises Unavailable."""
        try:
            with self.engine.connect() as connection:
                revision = connection.scalar(
                    select(Revision.number).where(Revision.subject == "sources")
                )
                if self.newest is not None and self.newest.revision == revision:
                    return
                sources = connection.execute(
                    select(Source.id, Source.slug, Source.per_minute)
                    .where(Source.state == "active")
                    .order_by(Source.id)
                ).all()
                keys = connection.execute(
                    select(SigningKey.__table__).order_by(SigningKey.id.desc())
                ).all()
                networks = connection.execute(
                    select(AllowedNetwork.source_id, AllowedNetwork.cidr)
                ).all()
        except SQLAlchemyError as exc:
            raise Unavailable("The database cannot be read.") from exc
        opened = [key for key in (self._open(row) for row in keys) if key is not None]
        found = [
            SourceSnapshot(
                id=row.id,
                slug=row.slug,
                per_minute=row.per_minute,
                keys=tuple(key for key in opened if key.source_id == row.id),
                networks=tuple(
                    ipaddress.ip_network(net.cidr) for net in networks if net.source_id == row.id
                ),
            )
            for row in sources
        ]
        self.newest = Snapshot(
            revision=revision or 0,
            by_slug={one.slug: one for one in found},
            by_key={key.key_id: one for one in found for key in one.keys},
            by_id={one.id: one for one in found},
        )

    def _open(self, row) -> VerifyingKey | None:  # type: ignore[no-untyped-def]
        """One key that cannot be opened must not shut the door for all."""
        try:
            secret = self.box.open_sealed(row.sealed_secret)
        except SecretUnreadable as exc:
            log("key.unreadable", key=row.key_id, reason=str(exc))
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
