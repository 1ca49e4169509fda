"""Whether the chain of the audit log is whole; if not, the first entry that is wrong and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from flask import current_app
from sqlalchemy import Connection, select

from relay import database
from relay.errors import SecretUnreadable
from relay.i18n import _
from relay.models import Milestone, db
from relay.models.audit_chain import (
    ENTRY,
    HEAD,
    AuditChain,
    entry_hash,
    head_mac,
    newest_seq,
    older_entries,
)
from relay.services import audit_anchor

SENT = "audit_syslog"  # the milestone with the number of the newest entry that was forwarded
BATCH = 500
Row = dict[str, Any]


class Tampering(StrEnum):
    """What was done to the first entry that is wrong."""

    CHANGED = "changed"
    DELETED = "deleted"
    INSERTED = "inserted"
    TRUNCATED = "truncated"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class BrokenEntry:
    """The first entry that is wrong.  ``seq`` and ``at`` are None where there is no such entry."""

    problem: Tampering
    sentence: str
    seq: int | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class AuditCheck:
    """``entries`` were checked before ``broken``; ``older`` are from before the chain."""

    entries: int
    older: int
    broken: BrokenEntry | None = None


def verify() -> AuditCheck:
    """Read the whole audit log at one moment, check every hash, and compare with the last check.

    Changes nothing in the database.
    """
    with database.snapshot(db.engine) as connection:
        found = check(connection)
        if found.broken is None:
            found = replace(found, broken=_check_anchor(connection))
        if found.broken is None:
            _write_anchor(connection)
    return found


def _check_anchor(connection: Connection) -> BrokenEntry | None:
    """Whether the newest entry of the last check on this host is still there."""
    seen = audit_anchor.read()
    if seen is None:
        return None
    there = connection.scalar(select(ENTRY.c.hash).where(ENTRY.c.seq == seen.seq))
    if there == seen.hash:
        return None
    if there is None:
        sentence = _(
            "Entry %(number)s, which this host saw at its last check, was deleted.", number=seen.seq
        )
        return BrokenEntry(Tampering.DELETED, sentence, seen.seq)
    sentence = _(
        "Entry %(number)s is not the one that this host saw at its last check: the log was replaced.",
        number=seen.seq,
    )
    return BrokenEntry(Tampering.CHANGED, sentence, seen.seq)


def _write_anchor(connection: Connection) -> None:
    head = connection.execute(select(HEAD.c.seq, HEAD.c.hash)).one_or_none()
    if head is not None and head.seq:
        audit_anchor.write(audit_anchor.Anchor(head.seq, head.hash))


def check(connection: Connection, newest: int | None = None) -> AuditCheck:
    """The whole log, or only the ``newest`` entries, which takes the same time however long it is."""
    found = connection.execute(select(HEAD)).mappings().one_or_none()
    head: Row | None = dict(found) if found is not None else None
    if head is None:
        return _without_head(connection)
    chain: AuditChain = current_app.extensions["relay_audit"]
    try:
        key = chain.key(head["sealed_key"])
    except SecretUnreadable:
        sentence = _(
            "The key of the audit log cannot be decrypted with RELAY_ENCRYPTION_KEYS, so nothing can be "
            "checked. Restore the key that encrypted it."
        )
        return AuditCheck(0, 0, BrokenEntry(Tampering.UNREADABLE, sentence))
    if newest is not None and head["seq"] - head["first_seq"] > newest:
        entries, broken = _check_entries(connection, _from_entry(connection, head, newest), key)
        return AuditCheck(entries, 0, broken or _check_head(connection, head, key))
    count, digest = older_entries(connection, key)
    if broken := _outside_broken(connection):
        return AuditCheck(0, count, broken)
    if head["first_seq"] == 0 and (count, digest) != (head["older"], head["first_hash"]):
        return AuditCheck(0, count, _older_broken(count, head["older"]))
    entries, broken = _check_entries(connection, head, key)
    return AuditCheck(entries, count, broken or _check_head(connection, head, key))


def _from_entry(connection: Connection, head: Row, newest: int) -> Row:
    """``head``, as if the chain began ``newest`` entries before its end."""
    seq = head["seq"] - newest
    found = connection.scalar(select(ENTRY.c.hash).where(ENTRY.c.seq == seq))
    return head | {"first_seq": seq, "first_hash": found or ""}


def _without_head(connection: Connection) -> AuditCheck:
    """A database in which nothing was recorded since the upgrade, unless the head was deleted."""
    hashed = connection.scalar(select(ENTRY.c.id).where(ENTRY.c.hash.is_not(None)).limit(1))
    if not newest_seq(connection) and hashed is None:
        return AuditCheck(0, 0)
    sentence = _("The head of the audit log was deleted, so its entries cannot be checked.")
    return AuditCheck(0, 0, BrokenEntry(Tampering.DELETED, sentence))


def _outside_broken(connection: Connection) -> BrokenEntry | None:
    """An entry that has a hash belongs to a chain, so it has a number."""
    taken = select(ENTRY.c.at).where(ENTRY.c.seq.is_(None), ENTRY.c.hash.is_not(None)).limit(1)
    at = connection.scalar(taken)
    if at is None:
        return None
    sentence = _("An entry with a hash is outside of the chain: it was taken out, or inserted.")
    return BrokenEntry(Tampering.INSERTED, sentence, None, at)


def _older_broken(count: int, wanted: int) -> BrokenEntry:
    if count == wanted:
        sentence = _("An entry that is older than the chain was changed.")
        return BrokenEntry(Tampering.CHANGED, sentence)
    problem = Tampering.INSERTED if count > wanted else Tampering.DELETED
    sentence = _(
        "There are %(count)s entries outside of the chain; there were %(wanted)s.",
        count=count,
        wanted=wanted,
    )
    return BrokenEntry(problem, sentence)


def _check_entries(connection: Connection, head: Row, key: bytes) -> tuple[int, BrokenEntry | None]:
    """-> how many entries are right, and the first one that is not"""
    chained = select(ENTRY).where(ENTRY.c.seq > head["first_seq"]).order_by(ENTRY.c.seq)
    seq, previous, entries = head["first_seq"], head["first_hash"], 0
    for row in connection.execute(chained.execution_options(yield_per=BATCH)).mappings():
        if broken := _entry_broken(dict(row), seq, previous, head["seq"], key):
            return entries, broken
        seq, previous, entries = row["seq"], row["hash"], entries + 1
    if seq < head["seq"]:
        values = {"first": seq + 1, "last": head["seq"]}
        sentence = (
            _(
                "The end of the audit log was deleted: entry %(first)s to %(last)s are missing.",
                **values,
            )
            if head["seq"] > seq + 1
            else _("The end of the audit log was deleted: entry %(first)s is missing.", **values)
        )
        return entries, BrokenEntry(Tampering.TRUNCATED, sentence, seq + 1)
    if previous != head["hash"]:
        sentence = _("Entry %(number)s is not the one that was written last.", number=seq)
        return entries - 1, BrokenEntry(Tampering.CHANGED, sentence, seq)
    return entries, None


def _entry_broken(row: Row, seq: int, previous: str, newest: int, key: bytes) -> BrokenEntry | None:
    """Whether ``row`` does not follow the entry ``seq`` with the hash ``previous``."""
    number, at = row["seq"], row["at"]
    if number > newest:
        sentence = _("Entry %(number)s was inserted after the newest one.", number=number)
        return BrokenEntry(Tampering.INSERTED, sentence, number, at)
    if number != seq + 1:
        values = {"first": seq + 1, "last": number - 1, "number": number}
        sentence = (
            _("Entry %(first)s to %(last)s are missing before entry %(number)s.", **values)
            if number > seq + 2
            else _("Entry %(first)s is missing before entry %(number)s.", **values)
        )
        return BrokenEntry(Tampering.DELETED, sentence, seq + 1)
    is_genuine = row["hash"] == entry_hash(key, row)
    if row["prev_hash"] != previous:
        if is_genuine:
            sentence = _(
                "Entry %(number)s does not follow the entry before it, which was replaced.",
                number=number,
            )
            return BrokenEntry(Tampering.CHANGED, sentence, number - 1)
        sentence = _("Entry %(number)s was inserted.", number=number)
        return BrokenEntry(Tampering.INSERTED, sentence, number, at)
    if not is_genuine:
        sentence = _("Entry %(number)s was changed.", number=number)
        return BrokenEntry(Tampering.CHANGED, sentence, number, at)
    return None


def _check_head(connection: Connection, head: Row, key: bytes) -> BrokenEntry | None:
    """Whether the head is genuine, and not older than what was forwarded."""
    sent = connection.scalar(select(Milestone.detail).where(Milestone.name == SENT))
    sent_seq = int((sent or {}).get("seq", 0))
    if sent_seq > head["seq"]:
        sentence = _(
            "The end of the audit log was deleted: entry %(number)s was forwarded, but the newest one is "
            "%(newest)s.",
            number=sent_seq,
            newest=head["seq"],
        )
        return BrokenEntry(Tampering.TRUNCATED, sentence, head["seq"] + 1)
    if head["mac"] != head_mac(key, head):
        sentence = _(
            "The head of the audit log was changed, so entries can be missing at its end: the newest one is "
            "%(number)s.",
            number=head["seq"],
        )
        return BrokenEntry(Tampering.TRUNCATED, sentence)
    return None
