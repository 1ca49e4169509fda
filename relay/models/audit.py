"""Who did what, when and from where.  Rows are only added, and never hold secrets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from relay.models.base import Base, BigId, Json, UtcDateTime, db_now


class AuditEntry(Base):
    """One action.

    ``actor`` is an e-mail address, ``command line``, ``relay`` or ``site``; ``action`` is
    ``noun.verb``.
    """

    __tablename__ = "audit_entry"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    actor: Mapped[str] = mapped_column(String(254))
    address: Mapped[str] = mapped_column(String(45), default="", server_default="")
    action: Mapped[str] = mapped_column(String(64))
    object_label: Mapped[str] = mapped_column(String(254))
    detail: Mapped[dict[str, Any]] = mapped_column(Json)

    __table_args__ = (Index("ix_audit_entry_at", "at"),)
