"""A local server that responds as documented by OpenAI: Responses, Chat Completions, all errors.

Source: OpenAI's reference of both interfaces and its guide to error codes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.sink import Answer, Seen, Sink

REQUEST_ID = "req_0123456789abcdef"
TOKENS_IN, TOKENS_OUT = 120, 40


def headers(**more: str) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "x-request-id": REQUEST_ID,
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


LIMITS = {
    "x_ratelimit_limit_tokens": "30000",
    "x_ratelimit_remaining_tokens": "29840",
    "x_ratelimit_reset_tokens": "12ms",
}


def error(status: int, kind: str = "", code: str = "", **more: str) -> Answer:
    """An error as the service words it; ``more`` are headers."""
    body = {"error": {"message": "Something.", "type": kind, "param": None, "code": code or None}}
    return Answer(status, json.dumps(body).encode(), headers(**more))


def usage(chat: bool, tokens_in: int = TOKENS_IN, tokens_out: int = TOKENS_OUT) -> dict[str, Any]:
    first, second = ("prompt", "completion") if chat else ("input", "output")
    return {
        f"{first}_tokens": tokens_in,
        f"{first}_tokens_details": {"cached_tokens": 0},
        f"{second}_tokens": tokens_out,
        f"{second}_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": tokens_in + tokens_out,
    }


def response(text: str, **changes: Any) -> Answer:
    """A Response object with a reasoning item and a message with ``text``."""
    body = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": text, "annotations": []}],
            },
        ],
        "usage": usage(chat=False),
        **changes,
    }
    return Answer(200, json.dumps(body).encode(), headers())


def completion(text: str | None, finish: str = "stop", **message: Any) -> Answer:
    """A Chat Completion object."""
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": text, "refusal": None, **message},
            }
        ],
        "usage": usage(chat=True),
    }
    return Answer(200, json.dumps(body).encode(), headers())


def refusal(words: str = "I cannot help with that.") -> Answer:
    part = {"type": "refusal", "refusal": words}
    output = [{"type": "message", "role": "assistant", "content": [part]}]
    return response("", output=output)


def incomplete(reason: str) -> Answer:
    return response("", status="incomplete", incomplete_details={"reason": reason}, output=[])


def failed(code: str) -> Answer:
    """A 200 with the status failed."""
    return response("", status="failed", error={"code": code, "message": "Sorry."}, output=[])


class FakeOpenAI(Sink):
    """``fake.base_url`` answers with the script, or else with a valid value for each field.

    ``script`` takes answers for the next calls; ``says`` sets the object that it answers with;
    ``delay_s`` is how long it thinks.
    """

    def __init__(self) -> None:
        self.said: Mapping[str, Any] | None = None
        self.delay_s = 0.0
        self.planned: list[Answer] = []
        super().__init__()
        self.base_url = f"{self.url}/v1"

    def says(self, **answer: Any) -> None:
        self.said = answer

    def script(self, answers: Sequence[Answer]) -> None:
        self.planned = list(answers)

    def take(self, seen: Seen) -> Answer:
        super().take(seen)
        if self.planned:
            return self.planned.pop(0)
        body = seen.json()
        chat = seen.path.endswith("/chat/completions")
        text = json.dumps(self.said if self.said is not None else fitting(schema_of(body, chat)))
        answer = completion(text) if chat else response(text)
        return Answer(answer.status, answer.body, headers(**LIMITS), self.delay_s)


def schema_of(body: Mapping[str, Any], chat: bool) -> Mapping[str, Any]:
    """The JSON schema that a call asks for, if it names one."""
    if chat:
        return dict(body.get("response_format", {}).get("json_schema", {}).get("schema", {}))
    return dict(body.get("text", {}).get("format", {}).get("schema", {}))


def fitting(schema: Mapping[str, Any]) -> dict[str, Any]:
    """An object that follows the schema."""
    values = {"boolean": True, "number": 7}
    return {
        name: rule["enum"][0] if "enum" in rule else values.get(rule["type"], f"about {name}")
        for name, rule in schema.get("properties", {}).items()
    }
