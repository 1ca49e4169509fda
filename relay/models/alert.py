"""Alerts, what their rules see, and the channels that report them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from relay.models.base import Base, BigId, Json, UtcDateTime, db_now, enum_column, one_of
from relay.rules.states import AlertChange, AlertMessageState, Severity

OPEN = text("resolved_at IS NULL")


class Alert(Base):
    """One problem that a ``rule`` found with a ``subject``; at most one is open at a time.

    ``subject`` is ``destination:<id>``, ``site:<slug>``, ``site:<slug>:<type or day>``, ``user:<id>``
    or empty for the whole installation.  ``sentence`` says what is wrong, ``advice`` what to do, ``path`` is the
    page that shows it.  ``since`` is when the problem began, ``opened_at`` when the alert was opened,
    ``count`` how many deliveries, requests or the like are affected.  It is open until
    ``resolved_at``, which Relay sets when the cause no longer exists.

    ``changes`` numbers the changes that are reported; ``notified_at`` is when a message about it was last queued, None
    if none was.  ``covered_by`` is the rule of another open alert that already reports the same
    problem.  ``acknowledged_by`` is who has seen it, with a ``note``; ``snoozed_until`` is until
    when nothing is sent about it; ``owner`` is who takes care of it.
    """

    __tablename__ = "alert"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    rule: Mapped[str] = mapped_column("kind", String(40), key="rule")
    subject: Mapped[str] = mapped_column(String(200))
    severity: Mapped[Severity] = mapped_column(
        enum_column(Severity), default=Severity.WARNING, server_default="warning"
    )
    sentence: Mapped[str] = mapped_column(Text)
    advice: Mapped[str] = mapped_column(Text)
    path: Mapped[str] = mapped_column(String(300), default="", server_default="")
    since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    count: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    changes: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    notified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    covered_by: Mapped[str] = mapped_column(String(40), default="", server_default="")
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_by: Mapped[str | None] = mapped_column(String(254))
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    snoozed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    owner: Mapped[str | None] = mapped_column(String(254))

    entries: Mapped[list[AlertEntry]] = relationship(order_by="AlertEntry.id")
    messages: Mapped[list[AlertMessage]] = relationship(order_by="AlertMessage.id")

    __table_args__ = (
        CheckConstraint(
            "(acknowledged_by IS NULL) = (acknowledged_at IS NULL)", name="acknowledged"
        ),
        Index(
            "uq_alert_open",
            "rule",
            "subject",
            unique=True,
            postgresql_where=OPEN,
            sqlite_where=OPEN,
        ),
        Index("ix_alert_opened_at", "opened_at"),
    )


class AlertEntry(Base):
    """One line of an alert's timeline.

    ``action`` is ``opened``, ``changed``, ``reminder``, ``resolved``, ``acknowledged``, ``snoozed``,
    ``assigned``, ``note``, ``sent`` or ``failed``; ``actor`` a person's e-mail address, or ``relay``.
    """

    __tablename__ = "alert_entry"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    alert_id: Mapped[int] = mapped_column(ForeignKey("alert.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    action: Mapped[str] = mapped_column(String(20))
    actor: Mapped[str] = mapped_column(String(254), default="relay", server_default="relay")
    text: Mapped[str] = mapped_column(Text, default="", server_default="")


class AlertRuleSetting(Base):
    """What a person changed about a rule; a rule without a row has the values of ``rules.alerts``.

    ``muted`` without ``muted_until`` lasts until a person ends it.
    """

    __tablename__ = "alert_rule"

    rule: Mapped[str] = mapped_column(String(40), primary_key=True)
    threshold: Mapped[float | None] = mapped_column(Float)
    muted: Mapped[bool] = mapped_column(default=False, server_default=false())
    muted_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    changed_by: Mapped[str] = mapped_column(String(254), default="", server_default="")
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())


class AlertEvaluation(Base):
    """What a rule sees now for one subject.

    ``firing_since`` is since when it has been met without interruption, ``clear_since`` since when it
    has been below the limit to resolve; both None in between.  ``samples`` are ``[unix time, value]``,
    oldest first, for a chart.
    """

    __tablename__ = "alert_evaluation"

    rule: Mapped[str] = mapped_column(String(40), primary_key=True)
    subject: Mapped[str] = mapped_column(String(200), primary_key=True)
    firing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    clear_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    value: Mapped[float] = mapped_column(Float, default=0, server_default="0")
    threshold: Mapped[float] = mapped_column(Float, default=0, server_default="0")
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    samples: Mapped[list[list[float]]] = mapped_column(Json, default=list, server_default="[]")


class AlertChannel(Base):
    """Where alerts are sent: an e-mail address, a Slack channel, a webhook or an ntfy topic.

    ``severity`` is the lowest that it gets; ``rules`` limits it to these rules (empty: all).  Between
    ``quiet_from`` and ``quiet_until`` (``22:00``, in ``timezone``; empty: never) it gets critical
    alerts only.  ``position`` is its place in the order of channels: the next one takes over when this
    one fails.  ``failed_at`` and ``last_error`` describe the last failure; a success clears them.
    """

    __tablename__ = "alert_channel"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(120), unique=True)
    config: Mapped[dict[str, Any]] = mapped_column(Json)
    sealed_secrets: Mapped[str | None] = mapped_column(Text)
    severity: Mapped[Severity] = mapped_column(
        enum_column(Severity), default=Severity.WARNING, server_default="warning"
    )
    rules: Mapped[list[str]] = mapped_column(Json, default=list, server_default="[]")
    quiet_from: Mapped[str] = mapped_column(String(5), default="", server_default="")
    quiet_until: Mapped[str] = mapped_column(String(5), default="", server_default="")
    timezone: Mapped[str] = mapped_column(String(64), default="UTC", server_default="UTC")
    position: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    enabled: Mapped[bool] = mapped_column(default=True, server_default=true())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    last_sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str] = mapped_column(Text, default="", server_default="")

    __table_args__ = (one_of("severity", Severity),)


class AlertMessage(Base):
    """One message about one change of an alert for one channel: the queue of the alert channels.

    ``number`` is the alert's ``changes``, so a channel gets each change once.  ``body`` is the JSON
    that webhooks get and that the other kinds write their text from.  ``fallback_from`` is the channel
    that failed before this one took over.  ``claimed_until`` is until when a process sends it.
    """

    __tablename__ = "alert_message"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(40), unique=True)
    alert_id: Mapped[int | None] = mapped_column(ForeignKey("alert.id"), index=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("alert_channel.id"), index=True)
    number: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    change: Mapped[AlertChange] = mapped_column(enum_column(AlertChange))
    body: Mapped[dict[str, Any]] = mapped_column(Json)
    state: Mapped[AlertMessageState] = mapped_column(
        enum_column(AlertMessageState), default=AlertMessageState.PENDING, server_default="pending"
    )
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    fallback_from: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str] = mapped_column(Text, default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    channel: Mapped[AlertChannel] = relationship()

    __table_args__ = (
        one_of("state", AlertMessageState),
        UniqueConstraint("alert_id", "number", "channel_id"),
        Index(
            "ix_alert_message_due",
            "due_at",
            postgresql_where=text("state = 'pending'"),
            sqlite_where=text("state = 'pending'"),
        ),
    )
