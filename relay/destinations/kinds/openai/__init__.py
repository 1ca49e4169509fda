"""OpenAI, and every server that speaks like it: answers questions for the AI steps of subscriptions.

Takes no events by itself: an answer that nobody maps anywhere would only cost money.  Its test asks
one short question.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
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
from relay.destinations.base import Message, ReportedQuota
from relay.destinations.envelope import headers_of
from relay.destinations.kinds.openai import replies
from relay.destinations.kinds.openai.limits import quotas_of
from relay.destinations.kinds.openai.settings import (
    COMPATIBLE,
    JSON,
    RESPONSES,
    STRICT,
    WORDS,
    OpenAISchema,
    models_of,
)
from relay.transport.request import OutboundRequest, Reply

SHAPE = "Answer with one JSON object and nothing else. Its fields follow this JSON schema: "
CHECK_SCHEMA = {
    "type": "object",
    "properties": {"works": {"type": "boolean", "description": "true"}},
    "required": ["works"],
    "additionalProperties": False,
}


class OpenAI(AiKind):
    slug = "openai"
    name = "AI service"
    tagline = (
        "OpenAI, or a server that speaks like it: reads events on their way to another destination "
        "and adds fields, such as a topic or a summary."
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

    def build(self, config: Mapping[str, Any], message: Message) -> OutboundRequest:
        """The test of a person: one short question to the first model."""
        return self.ask(
            config,
            AiQuestion(
                model=self.models(config)[0].name,
                instructions="This is a test of the connection. Answer that it works.",
                data=json.dumps({"text": "Does it work?"}),
                schema=CHECK_SCHEMA,
                max_output_tokens=1000,
                timeout_s=30.0,
                message=message,
            ),
        )

    def ask(self, config: Mapping[str, Any], question: AiQuestion) -> OutboundRequest:
        structure, instructions = config["structure"], question.instructions
        if structure in (JSON, WORDS):
            schema = json.dumps(question.schema, ensure_ascii=False)
            instructions = f"{instructions}\n\n{SHAPE}{schema}"
        if config["api"] == RESPONSES:
            path, body = "/responses", _responses(question, instructions, structure)
        else:
            path = "/chat/completions"
            body = _chat(question, instructions, structure, config["api"] == COMPATIBLE)
        key = config.get("api_key", "")
        return OutboundRequest(
            "POST",
            config["base_url"].rstrip("/") + path,
            (
                ("Content-Type", "application/json"),
                *headers_of(question.message),
                *((("Authorization", f"Bearer {key}"),) if key else ()),
            ),
            json.dumps(body, ensure_ascii=False).encode(),
            timeout_s=question.timeout_s,
            secrets=(key,) if key else (),
        )

    def read(self, reply: Reply) -> AiReply:
        return replies.read(reply)

    def quotas(self, config: Mapping[str, Any], reply: Reply) -> tuple[ReportedQuota, ...]:
        return quotas_of(reply)

    def summary(self, config: Mapping[str, Any]) -> str:
        return urlsplit(config.get("base_url", "")).netloc or self.name


def _responses(question: AiQuestion, instructions: str, structure: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": question.model,
        "instructions": instructions,
        "input": [{"role": "user", "content": question.data}],
        "max_output_tokens": question.max_output_tokens,
        "store": False,
    }
    if structure == JSON:
        body["text"] = {"format": {"type": "json_object"}}
    elif structure != WORDS:
        body["text"] = {"format": {"type": "json_schema", **_schema(question, structure)}}
    return body


def _chat(
    question: AiQuestion, instructions: str, structure: str, compatible: bool
) -> dict[str, Any]:
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
    named: dict[str, Any] = {"name": "answer", "schema": question.schema}
    return named | ({"strict": True} if structure == STRICT else {})


KIND = OpenAI()
