"""Deliveries, attempts and dead letters.

A delivery is one event for one subscription, an attempt is one call, a dead letter is a failed
delivery that Relay does not retry.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    literal_column,
    select,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from relay.models.base import (
    SQLITE_ONLY,
    Base,
    BigId,
    Json,
    JsonOrNull,
    UtcDateTime,
    db_now,
    enum_column,
    one_of,
)
from relay.models.destination import Destination, Subscription, is_shown
from relay.models.event import Event
from relay.rules.lifecycle import State
from relay.rules.states import AttemptOutcome, DeadLetterState, Resolution

LIVE, REPLAYED = 0, 1  # priorities of a delivery


class Delivery(Base):
    """One event for one subscription; its life is in ``relay.rules.lifecycle``.

    ``key`` identifies it to the destination, the same on every attempt and replay.  ``priority``
    is 0 for live deliveries and 1 for replays, which are sent after them.  ``version`` is the
    destination's version at the last attempt and ``mapping_version`` that of the subscription's
    mapping; ``pinned_version`` and ``pinned_mapping`` were chosen for a replay.  ``replay_id`` is
    the last replay that included it, ``revived_from`` its state before that.  ``superseded_by`` is
    the revision of a newer change of the same object that the destination already had, so that this
    one was not sent.
    """

    __tablename__ = "delivery"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(40), unique=True)
    event_pk: Mapped[int] = mapped_column(ForeignKey("event.id", info=SQLITE_ONLY))
    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscription.id"), index=True)
    destination_id: Mapped[int] = mapped_column(ForeignKey("destination.id"))
    state: Mapped[State] = mapped_column(
        enum_column(State), default=State.PENDING, server_default="pending"
    )
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
    revived_from: Mapped[State | None] = mapped_column(enum_column(State))
    superseded_by: Mapped[int | None] = mapped_column(BigInteger)
    last_status: Mapped[int | None] = mapped_column(Integer)
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def shown_state(self) -> str:
        """The state as pages show it: ``superseded`` is a discarded delivery that was not needed."""
        if self.state == State.DISCARDED.value and self.superseded_by is not None:
            return "superseded"
        return self.state

    event: Mapped[Event] = relationship(back_populates="deliveries")
    subscription: Mapped[Subscription] = relationship()
    destination: Mapped[Destination] = relationship()
    history: Mapped[list[Attempt]] = relationship(order_by="Attempt.id", viewonly=True)

    __table_args__ = (
        UniqueConstraint("event_pk", "subscription_id"),
        one_of("state", State),
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
            "id",
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
        Index(
            "ix_delivery_unfinished",
            "state",
            "event_pk",
            postgresql_where=text("state <> 'delivered'"),
            sqlite_where=text("state <> 'delivered'"),
        ),
        Index(
            "ix_delivery_replay_id_state",
            "replay_id",
            "state",
            postgresql_where=text("replay_id IS NOT NULL"),
            sqlite_where=text("replay_id IS NOT NULL"),
        ),
        Index("ix_delivery_destination_id_id", "destination_id", "id"),
    )


# The conditions of partial indexes, as literal text: only then SQLite, and PostgreSQL in a plan that it
# keeps for all values, know that they hold.


def is_pending() -> ColumnElement[bool]:
    """The condition of ``ix_delivery_due``."""
    return Delivery.state == literal_column("'pending'")


def was_claimed() -> ColumnElement[bool]:
    """With ``is_pending``, the condition of ``ix_delivery_suspect``."""
    return Delivery.claims > literal_column("0")


def is_unfinished() -> ColumnElement[bool]:
    """Not delivered: the condition of ``ix_delivery_unfinished``."""
    return Delivery.state != literal_column("'delivered'")


def is_to_shown() -> ColumnElement[bool]:
    """Whether a delivery goes to a destination of a person, and not to the internal inbox."""
    return Delivery.destination_id.not_in(select(Destination.id).where(~is_shown()))


class Attempt(Base):
    """One call: the request with secrets masked, and the reply, cut at 16 KiB.

    ``ai`` is the result of the subscription's AI step before the call, None without such a step.
    ``notes`` say what a successful call left out, as ``relay.rules.notes.Note.as_json``; None if it
    left out nothing.
    """

    __tablename__ = "attempt"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(40))
    delivery_id: Mapped[int] = mapped_column(
        ForeignKey("delivery.id", info=SQLITE_ONLY), index=True
    )
    number: Mapped[int] = mapped_column(Integer)
    outcome: Mapped[AttemptOutcome] = mapped_column(enum_column(AttemptOutcome))
    code: Mapped[str] = mapped_column(String(40), default="", server_default="")
    sentence: Mapped[str] = mapped_column(Text, default="", server_default="")
    status: Mapped[int | None] = mapped_column(Integer)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    elapsed_ms: Mapped[float] = mapped_column(Float, default=0, server_default="0")
    request: Mapped[dict[str, Any]] = mapped_column(Json)
    response: Mapped[dict[str, Any]] = mapped_column(Json)
    ai: Mapped[dict[str, Any] | None] = mapped_column(Json)
    notes: Mapped[list[dict[str, str]] | None] = mapped_column(JsonOrNull)

    __table_args__ = (
        UniqueConstraint("key", info=SQLITE_ONLY),  # on PostgreSQL unique in its partition
        one_of("outcome", AttemptOutcome),
        Index(
            "ix_attempt_started_at_with_notes",
            "started_at",
            postgresql_where=text("notes IS NOT NULL"),
            sqlite_where=text("notes IS NOT NULL"),
        ),
    )


class ObjectRevision(Base):
    """The newest changes of one object at one destination that does not take older ones.

    ``object_key`` is ``relay.rules.changes.Change.key``.  ``revision``, ``occurred_s`` and ``event_pk``,
    the number of the event, are those of the newest change that was delivered, None before the first;
    ``started``, ``started_s`` and ``started_pk`` those of the newest one for which a call may have
    been made, with ``started_id``, its delivery.
    """

    __tablename__ = "object_revision"

    destination_id: Mapped[int] = mapped_column(
        ForeignKey("destination.id"), primary_key=True, autoincrement=False
    )
    source_id: Mapped[int] = mapped_column(
        ForeignKey("source.id"), primary_key=True, autoincrement=False
    )
    object_key: Mapped[str] = mapped_column(String(32), primary_key=True)
    revision: Mapped[int | None] = mapped_column(BigInteger)
    occurred_s: Mapped[int | None] = mapped_column(BigInteger)
    event_pk: Mapped[int | None] = mapped_column(BigInteger)
    started: Mapped[int | None] = mapped_column(BigInteger)
    started_s: Mapped[int | None] = mapped_column(BigInteger)
    started_pk: Mapped[int | None] = mapped_column(BigInteger)
    started_id: Mapped[int | None] = mapped_column(BigInteger)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())

    __table_args__ = (Index("ix_object_revision_updated_at", "updated_at"),)


class DeadLetter(Base):
    """A delivery that Relay does not retry, until a person replays or discards it.

    Its cause is the destination, the ``code``, and the ``field`` that the destination named, if
    any. ``owner`` is the e-mail address of the person responsible.  ``resolution`` says how it
    ended.
    """

    __tablename__ = "dead_letter"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("delivery.id", info=SQLITE_ONLY))
    destination_id: Mapped[int] = mapped_column(ForeignKey("destination.id"))
    code: Mapped[str] = mapped_column(String(40))
    field: Mapped[str] = mapped_column(String(120), default="", server_default="")
    sentence: Mapped[str] = mapped_column(Text)
    state: Mapped[DeadLetterState] = mapped_column(
        enum_column(DeadLetterState), default=DeadLetterState.OPEN, server_default="open"
    )
    owner: Mapped[str | None] = mapped_column(String(254))
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    resolution: Mapped[Resolution | None] = mapped_column(enum_column(Resolution))
    reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    delivery: Mapped[Delivery] = relationship()
    destination: Mapped[Destination] = relationship()

    __table_args__ = (
        one_of("state", DeadLetterState),
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
