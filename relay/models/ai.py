"""The AI steps of subscriptions, the answers that are kept, and what each use cost."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from relay.models.base import Base, BigId, Json, UtcDateTime, db_now
from relay.models.destination import Destination, Subscription


class AiStep(Base):
    """What is asked about each event of a subscription before it is delivered.

    ``destination`` is the one that answers.  ``shown`` are the paths of the event's fields that it
    gets to see, ``text`` a Liquid text besides; ``fields`` are ``AnswerField`` as JSON.  ``masking``
    hides personal data.  ``day_cap`` is in millionths of the currency's unit.  ``fallback`` says what
    happens to a delivery without an answer.
    """

    __tablename__ = "ai_step"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscription.id"), unique=True)
    destination_id: Mapped[int] = mapped_column(ForeignKey("destination.id"), index=True)
    state: Mapped[str] = mapped_column(String(16), default="active", server_default="active")
    model: Mapped[str] = mapped_column(String(200))
    instructions: Mapped[str] = mapped_column(Text)
    shown: Mapped[list[list[str]]] = mapped_column(Json)
    text: Mapped[str] = mapped_column(Text, default="", server_default="")
    fields: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    masking: Mapped[bool] = mapped_column(Boolean)
    max_input_tokens: Mapped[int] = mapped_column(Integer)
    max_output_tokens: Mapped[int] = mapped_column(Integer)
    wait_s: Mapped[int] = mapped_column(Integer)
    day_cap: Mapped[int | None] = mapped_column(BigId)
    day_calls: Mapped[int | None] = mapped_column(Integer)
    fallback: Mapped[str] = mapped_column(String(8), default="go_on", server_default="go_on")

    subscription: Mapped[Subscription] = relationship()
    destination: Mapped[Destination] = relationship()

    __table_args__ = (
        CheckConstraint("state IN ('active', 'off')", name="state"),
        CheckConstraint("fallback IN ('go_on', 'wait')", name="fallback"),
        CheckConstraint("wait_s BETWEEN 1 AND 20", name="wait"),
    )


class AiAnswer(Base):
    """An answer by the hash of all that was asked, personal data masked.

    ``claimed`` by ``token`` until ``claimed_until`` while somebody asks, so that equal questions
    make one call; then ``ready``.
    """

    __tablename__ = "ai_answer"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    state: Mapped[str] = mapped_column(String(16))
    token: Mapped[str] = mapped_column(String(32))
    claimed_until: Mapped[datetime] = mapped_column(UtcDateTime)
    answer: Mapped[dict[str, Any] | None] = mapped_column(Json)
    used_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now(), index=True)

    __table_args__ = (
        CheckConstraint("state IN ('claimed', 'ready')", name="state"),
        CheckConstraint("state <> 'ready' OR answer IS NOT NULL", name="answer"),
    )


class AiUse(Base):
    """One use of an AI step, or a person's test, on its ``day`` (UTC).

    ``reserved`` before the call with the most it can cost, so that caps hold over all workers; then
    ``settled`` with what it did cost, or ``failed`` where it cost nothing.  One that stays reserved
    lost its worker and counts in full.  ``hit`` reused an answer, ``skipped`` went without AI
    because of ``code``.  ``cost`` is in millionths.
    """

    __tablename__ = "ai_use"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    day: Mapped[date] = mapped_column(Date, index=True)
    destination_id: Mapped[int] = mapped_column(ForeignKey("destination.id"))
    subscription_id: Mapped[int | None] = mapped_column(ForeignKey("subscription.id"))
    model: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16))
    code: Mapped[str] = mapped_column(String(40), default="", server_default="")
    currency: Mapped[str] = mapped_column(String(3))
    cost: Mapped[int] = mapped_column(BigId, default=0, server_default="0")
    tokens_in: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    tokens_out: Mapped[int] = mapped_column(Integer, default=0, server_default="0")

    __table_args__ = (
        CheckConstraint(
            "state IN ('reserved', 'settled', 'failed', 'hit', 'skipped')", name="state"
        ),
        Index("ix_ai_use_destination_id_day", "destination_id", "day"),
        Index("ix_ai_use_subscription_id_day", "subscription_id", "day"),
    )
