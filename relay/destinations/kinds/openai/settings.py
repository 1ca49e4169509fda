"""The settings of an AI service: its URL, its models with their prices, and the limits of a day."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import ValidationError, fields, validate, validates

from relay.destinations.ai import AiModel, amount
from relay.destinations.base import ConfigSchema

RESPONSES, CHAT, COMPATIBLE = "responses", "chat", "compatible"
STRICT, LOOSE, JSON, WORDS = "strict", "schema", "json", "words"


def models_of(text: str) -> tuple[AiModel, ...]:
    """Parse lines of name, input price and output price, separated by spaces.  Raises ValueError."""
    found = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, price_in, price_out = line.replace(";", " ").split()
        if len(name) > 200:
            raise ValueError(line)
        found.append(AiModel(name, amount(price_in), amount(price_out)))
    if not found or len({model.name for model in found}) < len(found):
        raise ValueError(text)
    return tuple(found)


class OpenAISchema(ConfigSchema):
    base_url = fields.String(
        load_default="https://api.openai.com/v1",
        metadata={
            "label": "URL of the API",
            "widget": "url",
            "help": "The URL of OpenAI or of a compatible server, such as OpenRouter, Ollama, LM Studio "
            "or vLLM. It usually ends in /v1. The operator of Relay must allow a server in your own "
            "network (RELAY_ALLOWED_PRIVATE_NETWORKS).",
        },
    )
    api_key = fields.String(
        metadata={
            "label": "API key",
            "secret": True,
            "placeholder": "sk-…",
            "help": "Create one on the service's page for API keys. Your own server may not need one.",
        }
    )
    models = fields.String(
        required=True,
        error_messages={"required": "Enter at least one model with its two prices."},
        metadata={
            "label": "Models and their prices",
            "widget": "textarea",
            "placeholder": "name-of-the-model 0.25 2.00",
            "help": "One model per line: its name, its price per million input tokens, its price per "
            "million output tokens. Both are on the service's pricing page. For your own server: 0 0.",
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
            "label": "Spending limit per day",
            "help": "For all AI steps of this service together. When it is reached, events continue "
            "without AI or wait, as set in each AI step. A day starts at 00:00 UTC.",
        },
    )
    day_calls = fields.String(
        metadata={
            "label": "Call limit per day",
            "placeholder": "no limit except the spending limit",
        }
    )
    api = fields.String(
        load_default=RESPONSES,
        validate=validate.OneOf([RESPONSES, CHAT, COMPATIBLE]),
        metadata={
            "label": "Interface",
            "widget": "select",
            "choices": [
                (RESPONSES, "Responses (OpenAI, recommended)"),
                (CHAT, "Chat Completions (OpenAI)"),
                (COMPATIBLE, "Chat Completions (compatible servers)"),
            ],
            "help": "Most compatible servers support only Chat Completions.",
        },
    )
    structure = fields.String(
        load_default=STRICT,
        validate=validate.OneOf([STRICT, LOOSE, JSON, WORDS]),
        metadata={
            "label": "Answer format",
            "widget": "select",
            "choices": [
                (STRICT, "Strict JSON schema (recommended)"),
                (LOOSE, "JSON schema, not strict"),
                (JSON, "JSON mode, schema in the prompt"),
                (WORDS, "Schema in the prompt only"),
            ],
            "help": "If the service does not support a format, choose one further down. Relay checks "
            "every answer in any case.",
        },
    )

    @validates("models")
    def check_models(self, value: str, **_: Any) -> None:
        try:
            models_of(value)
        except ValueError as exc:
            raise ValidationError(
                "Enter one model per line, each only once: its name, its input price and its output "
                "price, such as “name-of-the-model 0.25 2.00”."
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
            raise ValidationError("Enter a whole number, or leave it empty for no limit.")
