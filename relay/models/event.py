"""Events, stored exactly as the source sent them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    and_,
    column,
    table,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from relay.event_types import CANARY, RELAY_TEST
from relay.models.base import SQLITE_ONLY, Base, BigId, UtcDateTime, db_now
from relay.models.source import SigningKey, Source

if TYPE_CHECKING:
    from relay.models.delivery import Delivery

SEARCHED = 4000


def search_text_of(data: Any) -> str:
    """The texts and numbers of an event's ``data`` in lower case, up to the searched length."""
    return " ".join(leaves(data))[:SEARCHED].lower()


def leaves(value: Any) -> Iterator[str]:
    """The texts and numbers of a tree, in order."""
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            todo += reversed(one.values())
        elif isinstance(one, list):
            todo += reversed(one)
        elif one is not None and not isinstance(one, bool):
            yield str(one)


def is_from_site() -> ColumnElement[bool]:
    """Sent by the site: neither the canary nor a test event that Relay sent to its own endpoint."""
    return and_(Event.event_type != CANARY, ~Event.event_id.startswith(RELAY_TEST, autoescape=True))


# Where events are in partitions, no index of ``event`` has all of them: this table keeps the ids of the sites
# unique.  A trigger writes it (migration 0020).
EVENT_KEY = table("event_key", column("event_id"), column("source_id"), column("event_pk"))


class Event(Base):
    """One accepted event.

    ``payload`` is the body byte for byte (UTF-8 decoded), ``body_sha256`` its digest,
    ``search_text`` its values in lower case.  ``routed_at`` and ``delivery_count``, the number of
    its deliveries, are None until the event is routed.  ``emptied_at`` is set when its data was deleted
    because it was kept for too long with an unresolved delivery; it cannot be sent any more.
    """

    __tablename__ = "event"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"))
    signing_key_id: Mapped[int] = mapped_column(ForeignKey("signing_key.id"))
    event_id: Mapped[str] = mapped_column(String(128))
    event_type: Mapped[str] = mapped_column(String(64))
    site: Mapped[str] = mapped_column(String(500))
    address: Mapped[str] = mapped_column(String(45))
    payload: Mapped[str] = mapped_column(Text)
    body_sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    search_text: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    routed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivery_count: Mapped[int | None] = mapped_column("wanted", SmallInteger, key="delivery_count")
    emptied_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    source: Mapped[Source] = relationship()
    signing_key: Mapped[SigningKey] = relationship()
    deliveries: Mapped[list[Delivery]] = relationship(
        back_populates="event", order_by="Delivery.id", viewonly=True
    )

    __table_args__ = (
        UniqueConstraint("source_id", "event_id", info=SQLITE_ONLY),
        Index(
            "ix_event_unrouted",
            "id",
            postgresql_where=text("routed_at IS NULL"),
            sqlite_where=text("routed_at IS NULL"),
        ),
        Index("ix_event_received_at", "received_at"),
        Index("ix_event_source_id_received_at", "source_id", "received_at"),
        Index("ix_event_event_type_received_at", "event_type", "received_at"),
        Index("ix_event_signing_key_id_received_at", "signing_key_id", "received_at"),
    )
