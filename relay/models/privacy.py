"""Personal data: what was removed at intake, how its events are found, and what was erased."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from relay.models.base import SQLITE_ONLY, Base, BigId, Json, UtcDateTime, db_now


class RedactedEvent(Base):
    """An event that was changed by its site's privacy settings before it was stored.

    ``fields`` are ``[{"label": "customer.email", "action": "mask"}]``.
    """

    __tablename__ = "redacted_event"

    event_pk: Mapped[int] = mapped_column(
        ForeignKey("event.id", ondelete="CASCADE", info=SQLITE_ONLY), primary_key=True
    )
    fields: Mapped[list[dict[str, str]]] = mapped_column(Json)


class EmailDigest(Base):
    """A keyed hash of an e-mail address that an event had before its fields were removed.

    See ``relay.email_digests``.
    """

    __tablename__ = "email_digest"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    event_pk: Mapped[int] = mapped_column(
        ForeignKey("event.id", ondelete="CASCADE", info=SQLITE_ONLY), index=True
    )
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)


class ErasureReceipt(Base):
    """Proof that a person was erased: ``number`` for people, a keyed hash of the address, counts.

    The address itself is not stored.
    """

    __tablename__ = "erasure_receipt"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(String(40), unique=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    actor: Mapped[str] = mapped_column(String(254))
    counts: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
