"""Who did what, when and from where.  Rows are only added, and never hold secrets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from relay.models.base import Base, BigId, Json, UtcDateTime, db_now


class AuditEntry(Base):
    """One action.  ``audit_chain.add_audit_entry`` writes it.

    ``actor`` is an e-mail address, ``command line``, ``relay`` or ``site``; ``action`` is
    ``noun.verb``.  ``seq`` counts from 1 without gaps; ``hash`` is the HMAC of the entry, which
    includes ``prev_hash``, the hash of the entry before it.  Entries of older versions have none of
    the three.
    """

    __tablename__ = "audit_entry"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    actor: Mapped[str] = mapped_column(String(254))
    address: Mapped[str] = mapped_column(String(45), default="", server_default="")
    action: Mapped[str] = mapped_column(String(64))
    object_label: Mapped[str] = mapped_column(String(254))
    detail: Mapped[dict[str, Any]] = mapped_column(Json)
    seq: Mapped[int | None] = mapped_column(BigInteger)
    prev_hash: Mapped[str | None] = mapped_column(String(64))
    hash: Mapped[str | None] = mapped_column(String(64))

    __table_args__ = (
        Index("ix_audit_entry_at", "at"),
        Index("ix_audit_entry_seq", "seq", unique=True),
    )


class AuditHead(Base):
    """The one row that says where the chain of audit entries begins and ends.

    ``seq`` and ``hash`` are those of the newest entry.  The chain begins after ``first_seq`` with
    the hash ``first_hash``: 0 and the hash of the ``older`` entries that were there before the chain.
    ``mac`` is the HMAC of these five; ``sealed_key`` is the key of all HMACs, encrypted.
    """

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))
    first_seq: Mapped[int] = mapped_column(BigInteger)
    first_hash: Mapped[str] = mapped_column(String(64))
    older: Mapped[int] = mapped_column(BigInteger)
    mac: Mapped[str] = mapped_column(String(64))
    sealed_key: Mapped[str] = mapped_column(Text)
