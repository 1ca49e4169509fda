"""What a kind offers besides, so that AI steps can ask it: models with prices, a call, an answer.

Amounts of money are whole millionths of a currency's unit: what a million tokens cost per unit is
what one token costs in millionths.
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
    """``2``, ``2.50`` or ``2,50``.  Raises ValueError."""
    if not AMOUNT.fullmatch(text.strip()):
        raise ValueError(text)
    return Decimal(text.strip().replace(",", "."))


@dataclass(frozen=True)
class TokenUsage:
    """Tokens of one call; ``cached`` are among ``tokens_in``."""

    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0


@dataclass(frozen=True)
class AiModel:
    """Prices are those of a million tokens."""

    name: str
    price_in: Decimal
    price_out: Decimal

    def cost(self, usage: TokenUsage) -> int:
        """What that many tokens cost, in millionths, rounded up."""
        exact = usage.tokens_in * self.price_in + usage.tokens_out * self.price_out
        return int(exact.to_integral_value(ROUND_UP))


@dataclass(frozen=True)
class SpendingCaps:
    """What a day may cost at most, in millionths, and how many calls it may see; None: no limit."""

    money: int | None = None
    calls: int | None = None


@dataclass(frozen=True)
class AiQuestion:
    """``instructions`` were written by an admin, ``data`` came with an event: they never share a role.

    ``schema`` is the JSON schema of the answer, ``message`` the delivery it is asked for.
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
    """``answer`` is the JSON object that came back where ``signal`` is Accepted; not yet checked.

    ``usage`` is None where the reply tells none; ``request_id`` is the name the service gave the call.
    """

    signal: Signal
    answer: Mapping[str, Any] | None = None
    usage: TokenUsage | None = None
    request_id: str = ""


class AiKind(Kind):
    """A kind that answers questions instead of taking events."""

    takes_events: ClassVar[bool] = False

    def models(self, config: Mapping[str, Any]) -> tuple[AiModel, ...]:
        """The models that can be chosen, with their prices."""
        raise NotImplementedError

    def currency(self, config: Mapping[str, Any]) -> str:
        """The currency of prices and caps, by three letters."""
        raise NotImplementedError

    def caps(self, config: Mapping[str, Any]) -> SpendingCaps:
        """The limits of a day for all that asks this destination."""
        raise NotImplementedError

    def ask(self, config: Mapping[str, Any], question: AiQuestion) -> OutboundRequest:
        """The call for one question."""
        raise NotImplementedError

    def read(self, reply: Reply) -> AiReply:
        """What a reply says; even a 200 may be a failure."""
        raise NotImplementedError

    def classify(self, reply: Reply) -> Signal:
        return self.read(reply).signal

    def model(self, config: Mapping[str, Any], name: str) -> AiModel | None:
        """The model of that name, if it is still among the settings."""
        return next((one for one in self.models(config) if one.name == name), None)
