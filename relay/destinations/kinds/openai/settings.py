"""The settings of an AI service: its URL, its models with their prices, and the limits of a day."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import (
    ValidationError,
    fields,
    pre_load,
    validate,
    validates,
    validates_schema,
)

from relay.destinations.ai import AiModel, amount
from relay.destinations.kinds.openai.services import (
    AUTO,
    CHAT,
    COMPATIBLE,
    JSON,
    LOOSE,
    OPENAI,
    RESPONSES,
    SERVICES,
    STRICT,
    WORDS,
    corrected,
    service_of_url,
    wrong_url,
)
from relay.destinations.schema import ConfigSchema
from relay.i18n import N_, _


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


def with_prices(text: str) -> str:
    """Lines of models, each with its prices; 0 for a line with only a name."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(
        f"{line} 0 0" if len(line.split()) == 1 else line for line in lines if line
    )  # i18n: keep


class OpenAISchema(ConfigSchema):
    service = fields.String(
        load_default=OPENAI,
        validate=validate.OneOf(list(SERVICES)),
        metadata={
            "label": N_("Service"),
            "widget": "select",
            "choices": [(service.slug, service.label) for service in SERVICES.values()],
        },
    )
    api_key = fields.String(
        metadata={
            "label": N_("API key"),
            "secret": True,
            "placeholder": "sk-…",
            "help": N_(
                "Create one on the service's page for API keys. A server of your own may need none."
            ),
        }
    )
    base_url = fields.String(
        metadata={
            "label": N_("URL of the API"),
            "widget": "url",
            "placeholder": N_("The service's own URL"),
            "help": N_(
                "Leave it empty for the service's own URL. Azure: the target URI of your deployment. "
                "Another service: its URL, which usually ends in /v1. The operator of Relay must allow a "
                "server in your own network (RELAY_ALLOWED_PRIVATE_NETWORKS)."
            ),
        },
    )
    models = fields.String(
        required=True,
        error_messages={"required": N_("Enter at least one model with its two prices.")},
        metadata={
            "label": N_("Models and their prices"),
            "widget": "textarea",
            "placeholder": "name-of-the-model 0.25 2.00",
            "help": N_(
                "One model per line: its name, its price per million input tokens, its price per "
                "million output tokens. Both are on the service's pricing page. Azure: the "
                "name of the deployment. A server of your own: the name is enough."
            ),
        },
    )
    currency = fields.String(
        load_default="USD",
        validate=validate.Regexp(
            r"[A-Z]{3}\Z", error=N_("A currency has three letters, such as USD.")
        ),
        metadata={"label": N_("Currency of these prices"), "placeholder": "USD"},
    )
    day_cap = fields.String(
        load_default="5.00",
        metadata={
            "label": N_("Spending limit per day"),
            "help": N_(
                "For all AI steps of this service together. When it is reached, events continue "
                "without AI or wait, as set in each AI step. A day starts at 00:00 UTC."
            ),
        },
    )
    day_calls = fields.String(
        metadata={
            "label": N_("Call limit per day"),
            "placeholder": N_("no limit except the spending limit"),
        }
    )
    api = fields.String(
        load_default=AUTO,
        validate=validate.OneOf([AUTO, RESPONSES, CHAT, COMPATIBLE]),
        metadata={
            "label": N_("Interface"),
            "widget": "select",
            "choices": [
                (AUTO, N_("As the service needs it")),
                (RESPONSES, N_("Responses (OpenAI)")),
                (CHAT, N_("Chat Completions (OpenAI)")),
                (COMPATIBLE, N_("Chat Completions (compatible servers)")),
            ],
            "advanced": True,
        },
    )
    structure = fields.String(
        load_default=AUTO,
        validate=validate.OneOf([AUTO, STRICT, LOOSE, JSON, WORDS]),
        metadata={
            "label": N_("Answer format"),
            "widget": "select",
            "choices": [
                (AUTO, N_("As the service needs it")),
                (STRICT, N_("Strict JSON schema")),
                (LOOSE, N_("JSON schema, not strict")),
                (JSON, N_("JSON mode, schema in the prompt")),
                (WORDS, N_("Schema in the prompt only")),
            ],
            "advanced": True,
            "help": N_(
                "If the model does not support a format, choose one further down. Relay checks "
                "every answer in any case."
            ),
        },
    )

    @pre_load
    def find_service(self, data: Mapping[str, Any], **_kwargs: Any) -> dict[str, Any]:
        """Without a service, that of the URL; without a URL, that of the service.

        The URL is stored without what Relay adds itself.  A model of Ollama needs no prices.
        """
        loaded, url = dict(data), str(data.get("base_url") or "").strip()
        service = SERVICES.get(str(data.get("service") or ""))
        if service is None and "service" in data:
            return loaded
        service = service or (service_of_url(url) if url else SERVICES[OPENAI])
        loaded["service"] = service.slug
        if url:
            try:
                url, named = corrected(url, service)
            except ValueError:
                return loaded
            loaded["base_url"] = url
            is_for_it = named == RESPONSES or service.api != COMPATIBLE
            if named and is_for_it and data.get("api", AUTO) == AUTO:
                loaded["api"] = named
        elif service.base_url and not url:
            loaded["base_url"] = service.base_url
        if not service.needs_key and isinstance(data.get("models"), str):
            loaded["models"] = with_prices(data["models"])
        return loaded

    @validates_schema
    def check_service(self, data: Mapping[str, Any], **_kwargs: Any) -> None:
        service, url = SERVICES[data.get("service", OPENAI)], data.get("base_url", "")
        if not url:
            raise ValidationError(
                _(
                    "Enter the URL of the API. %(service)s has no common one.",
                    service=_(service.label),
                ),
                "base_url",
            )
        if why := wrong_url(url, service):
            raise ValidationError(why, "base_url")
        is_own = service_of_url(url) is service
        if service.needs_key and is_own and not data.get("api_key"):
            raise ValidationError(
                _("Enter the API key of %(service)s.", service=_(service.label)), "api_key"
            )

    @validates("models")
    def check_models(self, value: str, **_kwargs: Any) -> None:
        try:
            models_of(value)
        except ValueError as exc:
            raise ValidationError(
                _(
                    "Enter one model per line, each only once: its name, its input price and its output "
                    "price, such as “name-of-the-model 0.25 2.00”."
                )
            ) from exc

    @validates("day_cap")
    def check_cap(self, value: str, **_kwargs: Any) -> None:
        try:
            amount(value)
        except ValueError as exc:
            raise ValidationError(_("Enter an amount such as 5 or 2.50.")) from exc

    @validates("day_calls")
    def check_calls(self, value: str, **_kwargs: Any) -> None:
        if not re.fullmatch(r"[0-9]{1,9}", value):
            raise ValidationError(_("Enter a whole number, or leave it empty for no limit."))
