"""Sources (sites), their signing keys, allowed networks and rejected requests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from relay.models.base import Base, BigId, JsonOrNull, UtcDateTime, db_now, enum_column, one_of
from relay.rules.states import KeyState, SourceState, SourceType


class Source(Base):
    """A site.

    ``type`` is how it sends, and what its keys are: signing keys, secrets of WooCommerce's webhooks or
    bearer tokens.  ``slug`` is its part of the endpoint; ``per_minute`` is its rate limit (0: no limit).
    ``removed_at`` and ``removed_by`` are set when it is removed; its ``state`` is then ``closed``.
    ``discard_waiting``: the person who removed it chose to discard what was not delivered yet.
    ``redaction`` are the rules of ``relay.mapping.redaction_rules`` as JSON, None without any;
    ``retention_days`` is None for RELAY_RETENTION_DAYS.
    """

    __tablename__ = "source"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    slug: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    url: Mapped[str] = mapped_column(String(500))
    type: Mapped[SourceType] = mapped_column(
        enum_column(SourceType), default=SourceType.PLUGIN, server_default="plugin"
    )
    state: Mapped[SourceState] = mapped_column(
        enum_column(SourceState), default=SourceState.ACTIVE, server_default="active"
    )
    per_minute: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removed_by: Mapped[str | None] = mapped_column(String(254))
    discard_waiting: Mapped[bool] = mapped_column(default=False, server_default=false())
    redaction: Mapped[list[dict[str, Any]] | None] = mapped_column(JsonOrNull)
    retention_days: Mapped[int | None] = mapped_column(Integer)

    keys: Mapped[list[SigningKey]] = relationship(
        back_populates="source", order_by="SigningKey.id.desc()"
    )
    networks: Mapped[list[AllowedNetwork]] = relationship(
        back_populates="source", order_by="AllowedNetwork.id"
    )

    __table_args__ = (one_of("state", SourceState),)


class SigningKey(Base):
    """A key that verifies requests from ``not_before`` until ``not_after``, unless it is revoked.

    ``handed_over_at`` is when the newer key was sent to a request that this one signed, which happens
    once, and ``handed_over_to`` the address of that request.
    """

    __tablename__ = "signing_key"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key_id: Mapped[str] = mapped_column(String(40), unique=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"), index=True)
    sealed_secret: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(String(8))
    state: Mapped[KeyState] = mapped_column(
        enum_column(KeyState), default=KeyState.ACTIVE, server_default="active"
    )
    not_before: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    not_after: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    handed_over_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    handed_over_to: Mapped[str] = mapped_column(String(45), default="", server_default="")

    source: Mapped[Source] = relationship(back_populates="keys")

    __table_args__ = (
        one_of("state", KeyState),
        CheckConstraint("state <> 'retiring' OR not_after IS NOT NULL", name="window"),
    )


class ConnectGrant(Base):
    """An admin's permission to connect a site, until the site exchanges its one-time code for a key.

    ``code_hash`` and ``challenge`` are hashes of what only the site can show.  ``source_id`` is the
    source that gets a new key; None for a new source.  ``failures`` counts exchanges that did not match.
    """

    __tablename__ = "connect_grant"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    challenge: Mapped[str] = mapped_column(String(43))
    site: Mapped[str] = mapped_column(String(300))
    name: Mapped[str] = mapped_column(String(120))
    source_id: Mapped[int | None] = mapped_column(ForeignKey("source.id"))
    allowed_by: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failures: Mapped[int] = mapped_column(Integer, default=0, server_default="0")


class AllowedNetwork(Base):
    """A network that a source may send from.  A source without any may send from everywhere."""

    __tablename__ = "allowed_network"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"))
    cidr: Mapped[str] = mapped_column(String(49))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())

    source: Mapped[Source] = relationship(back_populates="networks")

    __table_args__ = (Index("uq_allowed_network_source_id_cidr", "source_id", "cidr", unique=True),)


class Rejection(Base):
    """A rejected request with its true reason, without its body.

    Equal rejections within a minute are one row with a ``count``.
    """

    __tablename__ = "rejection"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source_id: Mapped[int | None] = mapped_column(ForeignKey("source.id"))
    reason: Mapped[str] = mapped_column(String(40))
    sentence: Mapped[str] = mapped_column(Text)
    status: Mapped[int] = mapped_column(Integer)
    address: Mapped[str] = mapped_column(String(45))
    event_id: Mapped[str | None] = mapped_column(String(128))
    count: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    first_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())
    last_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now())

    __table_args__ = (
        Index("ix_rejection_source_id_last_at", "source_id", "last_at"),
        Index("ix_rejection_last_at", "last_at"),
    )


class Revision(Base):
    """A number per subject, raised with every change, so that processes know when to reload."""

    __tablename__ = "revision"

    subject: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int] = mapped_column(BigId, default=0, server_default="0")
