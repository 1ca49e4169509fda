"""The chain of the audit log: each entry has the hash of the one before it.

The hashes are HMACs with a key that only Relay's encryption key opens, so a person with access to the
database alone cannot change, delete or insert an entry and compute the hashes again.

Entries are collected while a transaction runs and written when it commits.  Only then is the head of
the chain locked: it is the last lock of every transaction, so it takes part in no deadlock.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, event, func, insert, select, update

from relay import database
from relay.errors import SecretUnreadable
from relay.models.audit import AuditEntry, AuditHead
from relay.observability.logging import log
from relay.secrets import SecretBox

PENDING = "relay_audit_entries"
HEAD_ID = 1
ENTRY: Any = AuditEntry.__table__
HEAD: Any = AuditHead.__table__
HASHED = ("seq", "prev_hash", "actor", "address", "action", "object_label")
SIGNED = ("seq", "hash", "first_seq", "first_hash", "older")


def add_audit_entry(
    connection: Connection,
    actor: str,
    action: str,
    label: str,
    detail: Mapping[str, Any],
    address: str = "",
) -> None:
    """Add one entry to the running transaction.  It is written when the transaction commits."""
    entry = {
        "actor": actor[:254],
        "address": address[:45],
        "action": action,
        "object_label": label[:254],
        "detail": json.loads(json.dumps(detail)),  # as it will be read
    }
    if not connection.in_transaction():  # else no rollback would forget the entry
        connection.begin()
    connection.info.setdefault(PENDING, []).append(entry)


class AuditChain:
    """Writes the entries of each transaction of ``engine`` before it commits.  One per application."""

    def __init__(self, engine: Engine, box: Callable[[], SecretBox]):
        self.engine, self.box = engine, box
        self.opened: dict[str, bytes] = {}
        event.listen(engine, "commit", self._write_pending)
        event.listen(engine, "rollback", self._forget_pending)

    def key(self, sealed: str) -> bytes:
        """Raises SecretUnreadable."""
        if sealed not in self.opened:
            self.opened = {sealed: bytes.fromhex(self.box().open_sealed(sealed))}
        return self.opened[sealed]

    def _forget_pending(self, connection: Connection) -> None:
        connection.info.pop(PENDING, None)

    def _write_pending(self, connection: Connection) -> None:
        if entries := connection.info.pop(PENDING, None):
            self._append(connection, entries)

    def _append(self, connection: Connection, entries: Iterable[dict[str, Any]]) -> None:
        head = self._lock_head(connection)
        try:
            key = self.key(head["sealed_key"])
        except SecretUnreadable as exc:
            # The change itself must not fail, so the entry is written and ``verify`` reports it.
            log("audit.not_chained", level="error", reason=str(exc))
            key = None
        at = database.now(connection)
        rows = []
        for entry in entries:
            row = entry | {"at": at, "seq": head["seq"] + 1, "prev_hash": head["hash"]}
            row["hash"] = entry_hash(key, row) if key else ""
            head |= {"seq": row["seq"], "hash": row["hash"]}
            rows.append(row)
        connection.execute(insert(ENTRY), rows)
        new = {"seq": head["seq"], "hash": head["hash"], "mac": head_mac(key, head) if key else ""}
        connection.execute(update(HEAD).where(HEAD.c.id == HEAD_ID).values(new))

    def _lock_head(self, connection: Connection) -> dict[str, Any]:
        locked = select(HEAD).where(HEAD.c.id == HEAD_ID).with_for_update()
        found = connection.execute(locked).mappings().one_or_none()
        if found is None:
            self._create_head(connection)
            found = connection.execute(locked).mappings().one()
        return dict(found)

    def _create_head(self, connection: Connection) -> None:
        """The first entry of this database.  What older versions wrote is covered by one hash."""
        key = secrets.token_bytes(32)
        count, digest = older_entries(connection, key)
        head = {"seq": 0, "hash": digest, "first_seq": 0, "first_hash": digest, "older": count}
        connection.execute(
            database.upsert(connection, AuditHead)
            .values(
                id=HEAD_ID, **head, mac=head_mac(key, head), sealed_key=self.box().seal(key.hex())
            )
            .on_conflict_do_nothing()
        )


def canonical(value: Any) -> Any:
    """``value`` so that both databases give it back alike: 1.0 and 1 are one number."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {str(name): canonical(one) for name, one in value.items()}
    return [canonical(one) for one in value] if isinstance(value, list) else value


def keyed_hash(key: bytes, value: Any) -> str:
    """HMAC-SHA256 of ``value`` as JSON with sorted names and without spaces, in hexadecimal."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hmac.digest(key, text.encode(), hashlib.sha256).hex()


def entry_hash(key: bytes, row: Mapping[str, Any]) -> str:
    """The hash of an entry: every column but ``id``, and the hash of the entry before it."""
    at: datetime = row["at"]
    values = {name: row[name] for name in HASHED}
    values |= {"at": at.astimezone(UTC).isoformat(), "detail": canonical(row["detail"])}
    return keyed_hash(key, values)


def head_mac(key: bytes, head: Mapping[str, Any]) -> str:
    return keyed_hash(key, {name: head[name] for name in SIGNED})


def older_entries(connection: Connection, key: bytes) -> tuple[int, str]:
    """-> how many entries are not in the chain, and one hash of them all"""
    older = select(ENTRY).where(ENTRY.c.seq.is_(None)).order_by(ENTRY.c.id)
    count, digest = 0, ""
    for row in connection.execute(older.execution_options(yield_per=500)).mappings():
        count, digest = count + 1, entry_hash(key, dict(row) | {"prev_hash": digest})
    return count, digest


def newest_seq(connection: Connection) -> int:
    """The number of the newest entry; 0 without any."""
    return connection.scalar(select(func.max(ENTRY.c.seq))) or 0
