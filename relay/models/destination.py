"""Destinations, their subscriptions, and the versions of both."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Float,
    ForeignKey,
    Integer,
    String,
    Text,
    UniqueConstraint,
    and_,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from relay.models.base import Base, BigId, Json, UtcDateTime, db_now, enum_column, one_of
from relay.models.source import Source
from relay.rules.circuit import CircuitState
from relay.rules.states import DestinationState, SubscriptionState

INTERNAL_KIND = "canary"  # of the one destination that is Relay's own


class Destination(Base):
    """Where deliveries go.

    ``config`` holds the open settings, ``sealed_secrets`` the secret ones. ``rate_count`` calls
    per ``rate_unit`` is its rate limit (None: no limit); ``paced_until`` is the earliest time of
    its next call.  ``retry_waits`` are the seconds between attempts (None: the default schedule).
    ``on_status`` is what a person chose to do after an HTTP status (see ``relay.rules.on_status``).
    ``held_until`` is set when the destination asked for a pause.  ``circuit`` and the columns
    after it are a ``relay.rules.circuit.Circuit``.  ``drain_token`` and ``drain_until`` name the
    one drain that serves it, so its limits hold across all workers.  The ``lane_`` columns belong to a
    second process that works beside it (see ``relay.delivery.lanes``).  ``version`` is the number of
    its newest DestinationVersion; ``fixed_at`` is when its settings were last changed or it was
    resumed. ``account`` is the last state read from the account there (its live fields, its time
    zone), ``account_read_at`` the time of the last try, ``account_trouble`` why it failed.
    ``removed_at`` and ``removed_by`` are set when it is removed; its ``state`` is then ``closed``.
    """

    __tablename__ = "destination"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    kind: Mapped[str] = mapped_column(String(32))
    config: Mapped[dict[str, Any]] = mapped_column(Json)
    sealed_secrets: Mapped[str] = mapped_column(Text, default="", server_default="")
    state: Mapped[DestinationState] = mapped_column(
        enum_column(DestinationState), default=DestinationState.ACTIVE, server_default="active"
    )
    paused_reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    concurrency: Mapped[int] = mapped_column(Integer, default=4, server_default="4")
    rate_count: Mapped[int | None] = mapped_column(Integer)
    rate_unit: Mapped[str | None] = mapped_column(String(8))
    paced_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    retry_waits: Mapped[list[float] | None] = mapped_column(Json)
    on_status: Mapped[dict[str, str] | None] = mapped_column(Json)
    circuit: Mapped[CircuitState] = mapped_column(
        enum_column(CircuitState, 8), default=CircuitState.CLOSED, server_default="closed"
    )
    circuit_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    circuit_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    circuit_reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    failures: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    openings: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    version: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    account: Mapped[dict[str, Any] | None] = mapped_column(Json)
    account_read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    account_trouble: Mapped[str] = mapped_column(Text, default="", server_default="")
    access_state: Mapped[str] = mapped_column(String(16), default="", server_default="")
    access_text: Mapped[str] = mapped_column(Text, default="", server_default="")
    access_checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    held_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    held_reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    fixed_at: Mapped[datetime | None] = mapped_column("mended_at", UtcDateTime, key="fixed_at")
    drain_token: Mapped[str | None] = mapped_column(String(32))
    drain_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lane_lead: Mapped[str | None] = mapped_column(String(32))
    lane_token: Mapped[str | None] = mapped_column(String(32))
    lane_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lane_share: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removed_by: Mapped[str | None] = mapped_column(String(254))

    subscriptions: Mapped[list[Subscription]] = relationship(
        back_populates="destination",
        order_by="Subscription.id",
        primaryjoin="and_(Destination.id == Subscription.destination_id, Subscription.state != 'closed')",
    )

    __table_args__ = (
        one_of("state", DestinationState),
        CheckConstraint("concurrency BETWEEN 1 AND 64", name="concurrency"),
        one_of("circuit", CircuitState),
        CheckConstraint(
            "(rate_count IS NULL AND rate_unit IS NULL) OR "
            "(rate_count > 0 AND rate_unit IN ('second', 'minute', 'hour'))",
            name="rate",
        ),
    )


def is_shown() -> ColumnElement[bool]:
    """Whether a destination is a person's, and not the internal inbox."""
    return Destination.kind != INTERNAL_KIND


def is_in_use() -> ColumnElement[bool]:
    """Whether a destination is a person's and was not removed."""
    return and_(Destination.state != DestinationState.CLOSED, is_shown())


class Quota(Base):
    """What is left of one quota of a destination's account, as the service reported it.

    ``per_s`` is how fast it was used lately.
    """

    __tablename__ = "gauge"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    destination_id: Mapped[int] = mapped_column(ForeignKey("destination.id"))
    name: Mapped[str] = mapped_column(String(40))
    label: Mapped[str] = mapped_column(String(80))
    limit: Mapped[int] = mapped_column(BigId)
    remaining: Mapped[int] = mapped_column(BigId)
    resets_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime] = mapped_column(UtcDateTime)
    per_s: Mapped[float] = mapped_column(Float, default=0, server_default="0")

    __table_args__ = (UniqueConstraint("destination_id", "name"),)


class DestinationVersion(Base):
    """The open settings at one time, so that a delivery made with them can be shown and repeated."""

    __tablename__ = "destination_version"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    destination_id: Mapped[int] = mapped_column(ForeignKey("destination.id"))
    number: Mapped[int] = mapped_column(Integer)
    config: Mapped[dict[str, Any]] = mapped_column(Json)
    made_by: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())

    __table_args__ = (UniqueConstraint("destination_id", "number"),)


class SubscriptionSource(Base):
    """A source that a subscription listens to; without any, it listens to all."""

    __tablename__ = "subscription_source"

    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscription.id"), primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"), primary_key=True, index=True)


class Subscription(Base):
    """Which events a destination gets.

    ``event_types`` are patterns such as ``order.*``; ``conditions`` test the event's fields (see
    ``relay.mapping.conditions``; empty: all events match).  ``version`` is the number of the
    MappingVersion in use.  While a subscription is paused, its deliveries wait.
    """

    __tablename__ = "subscription"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    destination_id: Mapped[int] = mapped_column(ForeignKey("destination.id"), index=True)
    event_types: Mapped[list[str]] = mapped_column(Json)
    conditions: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default="{}")
    version: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    state: Mapped[SubscriptionState] = mapped_column(
        enum_column(SubscriptionState), default=SubscriptionState.ACTIVE, server_default="active"
    )
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())

    destination: Mapped[Destination] = relationship(back_populates="subscriptions")
    sources: Mapped[list[Source]] = relationship(
        secondary="subscription_source", order_by="Source.name"
    )
    versions: Mapped[list[MappingVersion]] = relationship(order_by="MappingVersion.number.desc()")

    __table_args__ = (one_of("state", SubscriptionState),)


class MappingVersion(Base):
    """One version of a subscription's mapping.

    ``rules`` holds the rule of each target (see ``relay.destinations.base.Rule``) by event type,
    for the types that a person mapped; all others use the kind's default mapping.
    """

    __tablename__ = "mapping_version"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscription.id"))
    number: Mapped[int] = mapped_column(Integer)
    rules: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default="{}")
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    made_by: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())

    __table_args__ = (UniqueConstraint("subscription_id", "number"),)
