"""OpenAI, and services with a compatible API: answers the questions of AI steps.

It receives no events itself, because an answer without a mapping would only cost money.  Its test
asks one short question.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from relay.destinations.ai import (
    MILLION,
    AiKind,
    AiModel,
    AiQuestion,
    AiReply,
    SpendingCaps,
    amount,
)
from relay.destinations.base import AccessResult, Message, ReportedQuota, Send
from relay.destinations.envelope import USER_AGENT, headers_of
from relay.destinations.kinds.openai import replies
from relay.destinations.kinds.openai.limits import quotas_of
from relay.destinations.kinds.openai.services import (
    AZURE,
    COMPATIBLE,
    JSON,
    RESPONSES,
    STRICT,
    WORDS,
    has_open_query,
    interface_in,
    service_in,
    structure_in,
    url_of_call,
)
from relay.destinations.kinds.openai.settings import OpenAISchema, models_of
from relay.destinations.redaction import mask_text
from relay.i18n import N_, _
from relay.rules.lifecycle import Accepted
from relay.transport.client import Transport
from relay.transport.request import OutboundRequest, Reply

SHAPE = "Answer with one JSON object and nothing else. Its fields follow this JSON schema: "  # i18n: keep
CHECK_SCHEMA = {
    "type": "object",
    "properties": {"works": {"type": "boolean", "description": "true"}},
    "required": ["works"],
    "additionalProperties": False,
}


class OpenAI(AiKind):
    slug = "openai"
    name = N_("AI service")
    tagline = N_(
        "OpenAI, Azure, Gemini, Mistral, OpenRouter, Ollama and others. An AI step reads an event before another "
        "destination gets it and adds fields, such as a topic or a summary."
    )
    icon = "sparkles"
    schema = OpenAISchema()
    example_config = {"models": "example-model 0.25 2.00"}
    example_secrets = {"api_key": "sk-example-key"}

    def models(self, config: Mapping[str, Any]) -> tuple[AiModel, ...]:
        return models_of(config["models"])

    def currency(self, config: Mapping[str, Any]) -> str:
        return str(config["currency"])

    def caps(self, config: Mapping[str, Any]) -> SpendingCaps:
        calls = config.get("day_calls")
        return SpendingCaps(int(amount(config["day_cap"]) * MILLION), int(calls) if calls else None)

    def has_access_check(self, config: Mapping[str, Any]) -> bool:
        """The list of models is free.  Not every service asks for the key there."""
        return service_in(config).slug in ("openai", "mistral") and bool(config.get("api_key"))

    def check_access(self, config: Mapping[str, Any], send: Send) -> AccessResult:
        """Sources: https://platform.openai.com/docs/api-reference/models/list, https://docs.mistral.ai/api"""
        key = str(config["api_key"])
        url = f"{str(config['base_url']).rstrip('/')}/models"
        headers = (("User-Agent", USER_AGENT), *_credentials(config, key))
        reply = send(OutboundRequest("GET", url, headers, b"", secrets=(key,)))
        if reply.status == 200:
            return AccessResult(
                Accepted(), _("%(label)s accepts the API key.", label=service_in(config).label)
            )
        return AccessResult(self.classify(reply))

    def build(self, config: Mapping[str, Any], message: Message) -> OutboundRequest:
        """The request of a test: one short question to the first model."""
        return self.ask(
            config,
            AiQuestion(
                model=self.models(config)[0].name,
                instructions="This is a test of the connection. Answer that it works.",  # i18n: keep
                data=json.dumps({"text": "Does it work?"}),  # i18n: keep
                schema=CHECK_SCHEMA,
                max_output_tokens=1000,
                timeout_s=30.0,
                message=message,
            ),
        )

    def ask(self, config: Mapping[str, Any], question: AiQuestion) -> OutboundRequest:
        api, structure = interface_in(config), structure_in(config)
        if api == RESPONSES:
            path, body = "/responses", _responses(question, structure)
        else:
            path, body = "/chat/completions", _chat(question, structure, api == COMPATIBLE)
        key = config.get("api_key", "")
        return OutboundRequest(
            "POST",
            url_of_call(config, path, question.model),
            (
                ("Content-Type", "application/json"),
                *headers_of(question.message),
                *_credentials(config, key),
            ),
            json.dumps(body, ensure_ascii=False).encode(),
            timeout_s=question.timeout_s,
            secrets=(key,) if key else (),
            open_query=has_open_query(config),
        )

    def send(self, request: OutboundRequest, transport: Transport) -> Reply:
        """The reply, without the key: some services repeat it in their errors, which are shown."""
        reply: Reply = transport.send(request)
        if not any(secret.encode() in reply.body for secret in request.secrets):
            return reply
        return replace(reply, body=mask_text(reply.text, request.secrets).encode())

    def read(self, reply: Reply) -> AiReply:
        return replies.read(reply)

    def quotas(self, config: Mapping[str, Any], reply: Reply) -> tuple[ReportedQuota, ...]:
        return quotas_of(reply)

    def corrections(self, values: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
        given, kept = str(values.get("base_url") or "").strip(), str(config["base_url"])
        if not given or given.rstrip("/") == kept.rstrip("/"):
            return []
        return [_("The URL was saved as %(kept)s: Relay adds the rest itself.", kept=kept)]

    def summary(self, config: Mapping[str, Any]) -> str:
        return urlsplit(config.get("base_url", "")).netloc or self.name


def _credentials(config: Mapping[str, Any], key: str) -> tuple[tuple[str, str], ...]:
    """Azure takes a key in a header of its own; a Bearer token is something else there.

    Source: https://learn.microsoft.com/en-us/azure/ai-services/openai/reference#authentication
    """
    if not key:
        return ()
    if service_in(config).slug == AZURE:
        return (("api-key", key),)
    return (("Authorization", f"Bearer {key}"),)  # i18n: keep


def _shape(question: AiQuestion) -> str:
    return SHAPE + json.dumps(question.schema, ensure_ascii=False)


def _responses(question: AiQuestion, structure: str) -> dict[str, Any]:
    """In JSON mode the schema is a message: the word "JSON" in the instructions does not count.

    Source: https://platform.openai.com/docs/guides/structured-outputs#json-mode
    """
    instructions, messages = question.instructions, [{"role": "user", "content": question.data}]
    if structure == WORDS:
        instructions = f"{instructions}\n\n{_shape(question)}"
    elif structure == JSON:
        messages = [{"role": "developer", "content": _shape(question)}, *messages]
    body: dict[str, Any] = {
        "model": question.model,
        "instructions": instructions,
        "input": messages,
        "max_output_tokens": question.max_output_tokens,
        "store": False,
    }
    if structure == JSON:
        body["text"] = {"format": {"type": "json_object"}}
    elif structure != WORDS:
        body["text"] = {"format": {"type": "json_schema", **_schema(question, structure)}}
    return body


def _chat(question: AiQuestion, structure: str, compatible: bool) -> dict[str, Any]:
    instructions = question.instructions
    if structure in (JSON, WORDS):
        instructions = f"{instructions}\n\n{_shape(question)}"
    body: dict[str, Any] = {
        "model": question.model,
        "messages": [
            {"role": "system", "content": instructions},
            {"role": "user", "content": question.data},
        ],
        "max_tokens" if compatible else "max_completion_tokens": question.max_output_tokens,
    }
    if structure == JSON:
        body["response_format"] = {"type": "json_object"}
    elif structure != WORDS:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": _schema(question, structure),
        }
    return body


def _schema(question: AiQuestion, structure: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"name": "answer", "schema": question.schema}
    return schema | ({"strict": True} if structure == STRICT else {})


KIND = OpenAI()
