"""AI steps of subscriptions, stored answers, and the cost of each use."""

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

from relay.models.base import Base, BigId, Json, UtcDateTime, db_now, enum_column, one_of
from relay.models.destination import Destination, Subscription
from relay.rules.states import AiAnswerState, AiFallback, AiStepState, AiUseState


class AiStep(Base):
    """What an AI is asked about each event of a subscription before it is delivered.

    ``destination`` answers.  ``shown`` are the paths of the event's fields in the request,
    ``text`` is an additional Liquid text; ``fields`` are ``AnswerField`` as JSON.  ``masking``
    hides personal data. ``day_cap`` is in millionths of the currency's unit.  ``fallback`` says
    what happens to a delivery without an answer.
    """

    __tablename__ = "ai_step"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscription.id"), unique=True)
    destination_id: Mapped[int] = mapped_column(ForeignKey("destination.id"), index=True)
    state: Mapped[AiStepState] = mapped_column(
        enum_column(AiStepState), default=AiStepState.ACTIVE, server_default="active"
    )
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
    fallback: Mapped[AiFallback] = mapped_column(
        enum_column(AiFallback, 8), default=AiFallback.GO_ON, server_default="go_on"
    )

    subscription: Mapped[Subscription] = relationship()
    destination: Mapped[Destination] = relationship()

    __table_args__ = (
        one_of("state", AiStepState),
        one_of("fallback", AiFallback),
        CheckConstraint("wait_s BETWEEN 1 AND 20", name="wait"),
    )


class AiAnswer(Base):
    """A stored answer, found by the hash of the whole request with personal data masked.

    ``claimed`` by ``token`` until ``claimed_until`` while the call for it is under way, so that
    equal requests make one call; then ``ready``.
    """

    __tablename__ = "ai_answer"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    state: Mapped[AiAnswerState] = mapped_column(enum_column(AiAnswerState))
    token: Mapped[str] = mapped_column(String(32))
    claimed_until: Mapped[datetime] = mapped_column(UtcDateTime)
    answer: Mapped[dict[str, Any] | None] = mapped_column(Json)
    used_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=db_now(), index=True)

    __table_args__ = (
        one_of("state", AiAnswerState),
        CheckConstraint("state <> 'ready' OR answer IS NOT NULL", name="answer"),
    )


class AiUse(Base):
    """One use of an AI step, or one test by a person, on its ``day`` (UTC).

    ``reserved`` before the call with its highest possible cost, so that caps hold across all
    workers; then ``settled`` with the actual cost, or ``failed`` if it cost nothing.  A row that
    stays reserved lost its worker and counts in full.  ``hit`` reused an answer; ``skipped`` went
    without AI because of ``code``.  ``cost`` is in millionths of the currency's unit.
    """

    __tablename__ = "ai_use"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    day: Mapped[date] = mapped_column(Date, index=True)
    destination_id: Mapped[int] = mapped_column(ForeignKey("destination.id"))
    subscription_id: Mapped[int | None] = mapped_column(ForeignKey("subscription.id"))
    model: Mapped[str] = mapped_column(String(200))
    state: Mapped[AiUseState] = mapped_column(enum_column(AiUseState))
    code: Mapped[str] = mapped_column(String(40), default="", server_default="")
    currency: Mapped[str] = mapped_column(String(3))
    cost: Mapped[int] = mapped_column(BigId, default=0, server_default="0")
    tokens_in: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    tokens_out: Mapped[int] = mapped_column(Integer, default=0, server_default="0")

    __table_args__ = (
        one_of("state", AiUseState),
        Index("ix_ai_use_destination_id_day", "destination_id", "day"),
        Index("ix_ai_use_subscription_id_day", "subscription_id", "day"),
    )
