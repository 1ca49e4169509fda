"""The settings of an AI service: where it is, which models it has, what they cost, what a day may cost."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import ValidationError, fields, validate, validates

from relay.destinations.ai import AiModel, amount
from relay.destinations.base import ConfigSchema

RESPONSES, CHAT, COMPATIBLE = "responses", "chat", "compatible"
STRICT, LOOSE, JSON, WORDS = "strict", "schema", "json", "words"


def models_of(text: str) -> tuple[AiModel, ...]:
    """One a line: name, input price, output price, with blanks between.  Raises ValueError."""
    found = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, price_in, price_out = line.replace(";", " ").split()
        if len(name) > 200:
            raise ValueError(line)
        found.append(AiModel(name, amount(price_in), amount(price_out)))
    if not found or len({one.name for one in found}) < len(found):
        raise ValueError(text)
    return tuple(found)


class OpenAISchema(ConfigSchema):
    base_url = fields.String(
        load_default="https://api.openai.com/v1",
        metadata={
            "label": "Address of the service",
            "widget": "url",
            "help": "OpenAI's own, or that of a server that speaks the same way: OpenRouter, Ollama, "
            "LM Studio, vLLM. It usually ends in /v1. A server in your own network has to be opened "
            "by whoever runs Relay (RELAY_ALLOWED_PRIVATE_NETWORKS).",
        },
    )
    api_key = fields.String(
        metadata={
            "label": "Key",
            "secret": True,
            "placeholder": "sk-…",
            "help": "From the service's page of API keys. A server of your own may need none.",
        }
    )
    models = fields.String(
        required=True,
        error_messages={"required": "Enter at least one model with its two prices."},
        metadata={
            "label": "Models and their prices",
            "widget": "textarea",
            "placeholder": "name-of-the-model 0.25 2.00",
            "help": "One a line: the model's name, the price of a million tokens that go in, the price of "
            "a million that come out. You find both on the service's page of prices. On a machine of "
            "your own: 0 0.",
        },
    )
    currency = fields.String(
        load_default="USD",
        validate=validate.Regexp(r"[A-Z]{3}\Z", error="A currency has three letters, such as USD."),
        metadata={"label": "Currency of these prices", "placeholder": "USD"},
    )
    day_cap = fields.String(
        load_default="5.00",
        metadata={
            "label": "A day may cost at most",
            "help": "For everything that asks this service. Then events go on without AI, or wait, as "
            "each AI step says. A day begins at 00:00 UTC.",
        },
    )
    day_calls = fields.String(
        metadata={
            "label": "A day may see at most so many calls",
            "placeholder": "as many as the money allows",
        }
    )
    api = fields.String(
        load_default=RESPONSES,
        validate=validate.OneOf([RESPONSES, CHAT, COMPATIBLE]),
        metadata={
            "label": "Interface",
            "widget": "select",
            "choices": [
                (RESPONSES, "Responses (OpenAI's newest, best)"),
                (CHAT, "Chat Completions (OpenAI)"),
                (COMPATIBLE, "Chat Completions as other servers know it"),
            ],
            "help": "Most servers that are not OpenAI's know only Chat Completions.",
        },
    )
    structure = fields.String(
        load_default=STRICT,
        validate=validate.OneOf([STRICT, LOOSE, JSON, WORDS]),
        metadata={
            "label": "How answers are kept in shape",
            "widget": "select",
            "choices": [
                (STRICT, "By a strict schema (best)"),
                (LOOSE, "By a schema, not strict"),
                (JSON, "As JSON, the fields told in words"),
                (WORDS, "Only told in words"),
            ],
            "help": "Take a lower one if the service says that it does not know the one above. Relay "
            "checks every answer in any case.",
        },
    )

    @validates("models")
    def check_models(self, value: str, **_: Any) -> None:
        try:
            models_of(value)
        except ValueError as exc:
            raise ValidationError(
                "Write one model a line, each once: its name, the price in, the price out, as in "
                "“name-of-the-model 0.25 2.00”."
            ) from exc

    @validates("day_cap")
    def check_cap(self, value: str, **_: Any) -> None:
        try:
            amount(value)
        except ValueError as exc:
            raise ValidationError("Enter an amount such as 5 or 2.50.") from exc

    @validates("day_calls")
    def check_calls(self, value: str, **_: Any) -> None:
        if not re.fullmatch(r"[0-9]{1,9}", value):
            raise ValidationError("Enter a whole number, or nothing for no such limit.")
