"""The interface of an AI kind, which AI steps ask: models with prices, a request, a reply.

Amounts of money are integers in millionths of the currency unit.  So the price of a million tokens
in units equals the price of one token in millionths.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import Any, ClassVar

from relay.destinations.base import Kind, Message
from relay.rules.lifecycle import Signal
from relay.transport.request import OutboundRequest, Reply

MILLION = 1_000_000
AMOUNT = re.compile(r"\d{1,9}([.,]\d{1,6})?")


def amount(text: str) -> Decimal:
    """Parse ``2``, ``2.50`` or ``2,50``.  Raises ValueError."""
    if not AMOUNT.fullmatch(text.strip()):
        raise ValueError(text)
    return Decimal(text.strip().replace(",", "."))


@dataclass(frozen=True)
class TokenUsage:
    """The tokens of one call.  ``tokens_in`` includes ``cached``."""

    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0


@dataclass(frozen=True)
class AiModel:
    """A model.  Its prices are per million tokens."""

    name: str
    price_in: Decimal
    price_out: Decimal

    def cost(self, usage: TokenUsage) -> int:
        """The cost of these tokens in millionths, rounded up."""
        exact = usage.tokens_in * self.price_in + usage.tokens_out * self.price_out
        return int(exact.to_integral_value(ROUND_UP))


@dataclass(frozen=True)
class SpendingCaps:
    """The limits of a day: the cost in millionths, and the number of calls.  None: no limit."""

    money: int | None = None
    calls: int | None = None


@dataclass(frozen=True)
class AiQuestion:
    """A question to a model.

    An admin wrote ``instructions``; ``data`` is from an event and not trusted, so the two are sent
    in different roles.  ``schema`` is the JSON schema of the answer, ``message`` the delivery.
    """

    model: str
    instructions: str
    data: str
    schema: Mapping[str, Any]
    max_output_tokens: int
    timeout_s: float
    message: Message


@dataclass(frozen=True)
class AiReply:
    """A model's reply.

    If ``signal`` is Accepted, ``answer`` is the returned JSON object, not yet validated.
    ``usage`` is None if the reply does not report it; ``request_id`` is the service's own id.
    """

    signal: Signal
    answer: Mapping[str, Any] | None = None
    usage: TokenUsage | None = None
    request_id: str = ""


class AiKind(Kind):
    """A kind that answers AI steps and receives no events."""

    takes_events: ClassVar[bool] = False

    def models(self, config: Mapping[str, Any]) -> tuple[AiModel, ...]:
        """The models of the settings, with their prices."""
        raise NotImplementedError

    def currency(self, config: Mapping[str, Any]) -> str:
        """The currency of the prices and caps, as a code of three letters."""
        raise NotImplementedError

    def caps(self, config: Mapping[str, Any]) -> SpendingCaps:
        """The limits of a day for all AI steps that use this destination."""
        raise NotImplementedError

    def ask(self, config: Mapping[str, Any], question: AiQuestion) -> OutboundRequest:
        """The request for one question."""
        raise NotImplementedError

    def read(self, reply: Reply) -> AiReply:
        """Interpret a reply.  Even a 200 can be a failure."""
        raise NotImplementedError

    def classify(self, reply: Reply) -> Signal:
        return self.read(reply).signal

    def model(self, config: Mapping[str, Any], name: str) -> AiModel | None:
        """The model with that name; None if it is no longer in the settings."""
        return next((model for model in self.models(config) if model.name == name), None)
