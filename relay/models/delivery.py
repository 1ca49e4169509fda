"""One event for one subscription is a delivery; one call an attempt; a failed one a dead letter."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from relay.models.base import Base, BigId, Json, UtcDateTime, db_now
from relay.models.destination import Destination, Subscription
from relay.models.event import Event


class Delivery(Base):
    """``key`` names it to the outside, the same on every attempt and replay.  See ``lifecycle``.

    ``priority`` 0 is live, 1 a replay, which steps back.  ``version`` is the destination's version
    of the last attempt and ``mapping_version`` that of the subscription's mapping; ``pinned_version``
    and ``pinned_mapping`` are those that a person chose for a replay.  ``replay_id`` is the last
    replay that took it, ``revived_from`` its state before that.
    """

    __tablename__ = "delivery"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(40), unique=True)
    event_pk: Mapped[int] = mapped_column(ForeignKey("event.id"))
    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscription.id"), index=True)
    destination_id: Mapped[int] = mapped_column(ForeignKey("destination.id"))
    state: Mapped[str] = mapped_column(String(16), default="pending", server_default="pending")
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_token: Mapped[str | None] = mapped_column(String(32))
    attempts: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    attempts_since_replay: Mapped[int] = mapped_column(
        "tries", Integer, key="attempts_since_replay", default=0, server_default="0"
    )
    claims: Mapped[int] = mapped_column(
        "starts", Integer, key="claims", default=0, server_default="0"
    )
    priority: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    version: Mapped[int | None] = mapped_column(Integer)
    pinned_version: Mapped[int | None] = mapped_column(Integer)
    mapping_version: Mapped[int | None] = mapped_column(Integer)
    pinned_mapping: Mapped[int | None] = mapped_column(Integer)
    replay_id: Mapped[int | None] = mapped_column(ForeignKey("replay.id"))
    revived_from: Mapped[str | None] = mapped_column(String(16))
    last_status: Mapped[int | None] = mapped_column(Integer)
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    event: Mapped[Event] = relationship(back_populates="deliveries")
    subscription: Mapped[Subscription] = relationship()
    destination: Mapped[Destination] = relationship()
    history: Mapped[list[Attempt]] = relationship(order_by="Attempt.id", viewonly=True)

    __table_args__ = (
        UniqueConstraint("event_pk", "subscription_id"),
        CheckConstraint(
            "state IN ('pending', 'in_flight', 'delivered', 'dead', 'discarded')", name="state"
        ),
        CheckConstraint("state <> 'pending' OR due_at IS NOT NULL", name="due"),
        CheckConstraint(
            "state <> 'in_flight' OR (lease_until IS NOT NULL AND lease_token IS NOT NULL)",
            name="lease",
        ),
        Index(
            "ix_delivery_due",
            "destination_id",
            "priority",
            "due_at",
            postgresql_where=text("state = 'pending'"),
            sqlite_where=text("state = 'pending'"),
        ),
        Index(
            "ix_delivery_suspect",
            "destination_id",
            postgresql_where=text("state = 'pending' AND starts > 0"),
            sqlite_where=text("state = 'pending' AND starts > 0"),
        ),
        Index(
            "ix_delivery_leased",
            "lease_until",
            postgresql_where=text("state = 'in_flight'"),
            sqlite_where=text("state = 'in_flight'"),
        ),
        Index("ix_delivery_state_id", "state", "id"),
        Index(
            "ix_delivery_replay_id_state",
            "replay_id",
            "state",
            postgresql_where=text("replay_id IS NOT NULL"),
            sqlite_where=text("replay_id IS NOT NULL"),
        ),
        Index("ix_delivery_destination_id_id", "destination_id", "id"),
    )


class Attempt(Base):
    """One call: what was sent (secrets masked) and what came back (cut at 16 KiB).

    ``ai`` tells what came of the subscription's AI step before it, None where it has none.
    """

    __tablename__ = "attempt"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(40), unique=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("delivery.id"), index=True)
    number: Mapped[int] = mapped_column(Integer)
    outcome: Mapped[str] = mapped_column(String(16))
    code: Mapped[str] = mapped_column(String(40), default="", server_default="")
    sentence: Mapped[str] = mapped_column(Text, default="", server_default="")
    status: Mapped[int | None] = mapped_column(Integer)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    elapsed_ms: Mapped[float] = mapped_column(Float, default=0, server_default="0")
    request: Mapped[dict[str, Any]] = mapped_column(Json)
    response: Mapped[dict[str, Any]] = mapped_column(Json)
    ai: Mapped[dict[str, Any] | None] = mapped_column(Json)

    __table_args__ = (
        CheckConstraint(
            "outcome IN ('accepted', 'failed', 'refused', 'held', 'lost')", name="outcome"
        ),
    )


class DeadLetter(Base):
    """A delivery that will never succeed by itself, until a person replays or discards it.

    Its cause is the destination, the ``code`` and the ``field`` that the destination named, if any.
    ``owner`` is the e-mail address of who looks after it.  ``resolution`` says how it ended.
    """

    __tablename__ = "dead_letter"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("delivery.id"))
    destination_id: Mapped[int] = mapped_column(ForeignKey("destination.id"))
    code: Mapped[str] = mapped_column(String(40))
    field: Mapped[str] = mapped_column(String(120), default="", server_default="")
    sentence: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16), default="open", server_default="open")
    owner: Mapped[str | None] = mapped_column(String(254))
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    resolution: Mapped[str | None] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    delivery: Mapped[Delivery] = relationship()
    destination: Mapped[Destination] = relationship()

    __table_args__ = (
        CheckConstraint("state IN ('open', 'acknowledged', 'resolved')", name="state"),
        CheckConstraint(
            "(state = 'resolved') = (resolution IS NOT NULL) "
            "AND (resolution IS NULL OR resolution IN ('replayed', 'discarded'))",
            name="resolution",
        ),
        Index(
            "uq_dead_letter_unresolved",
            "delivery_id",
            unique=True,
            postgresql_where=text("state <> 'resolved'"),
            sqlite_where=text("state <> 'resolved'"),
        ),
        Index("ix_dead_letter_delivery_id", "delivery_id"),
        Index("ix_dead_letter_destination_id_state", "destination_id", "state"),
        Index("ix_dead_letter_state_id", "state", "id"),
    )
