"""A local server that responds as documented by OpenAI and by the services with a compatible API.

``FakeOpenAI(service)`` is one of SERVICES.  Each refuses the parameters, paths and credentials that
its service refuses, with that service's own body.

Sources:
- openai: https://platform.openai.com/docs/api-reference/responses/create,
  https://platform.openai.com/docs/api-reference/chat/create,
  https://platform.openai.com/docs/guides/structured-outputs#supported-schemas,
  https://platform.openai.com/docs/guides/error-codes
- azure: https://learn.microsoft.com/en-us/azure/ai-services/openai/reference (deployments, api-version,
  api-key)
- gemini: https://ai.google.dev/gemini-api/docs/openai; its errors are a list:
  https://github.com/continuedev/continue/issues/10290
- openrouter: https://openrouter.ai/docs/api/reference/errors-and-debugging (errors with status 200)
- mistral: https://docs.mistral.ai/api; it forbids unknown parameters:
  https://github.com/editor-code-assistant/eca/issues/231
- ollama: https://docs.ollama.com/api/openai-compatibility (no key, no strict schemas; older versions
  have no Responses)
- other: a server such as vLLM or LM Studio with Chat Completions only
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.sink import Answer, Seen, Sink

REQUEST_ID = "req_0123456789abcdef"
TOKENS_IN, TOKENS_OUT = 120, 40
SERVICES = ("openai", "azure", "gemini", "openrouter", "mistral", "ollama", "other")
DEPLOYMENT = "sorting"
API_VERSIONS = ("2024-10-21", "2025-01-01-preview")
REASONING = ("reasoning-1",)  # models that take neither max_tokens nor temperature
MISSING_MODEL = "missing-model"

RESPONSES_KEYS = frozenset(
    "model input instructions max_output_tokens text store metadata safety_identifier reasoning "
    "temperature top_p tools tool_choice truncation user include service_tier stream "
    "parallel_tool_calls previous_response_id prompt_cache_key background".split()
)
CHAT_KEYS = frozenset(
    "model messages max_completion_tokens max_tokens response_format store metadata "
    "safety_identifier reasoning_effort temperature top_p tools tool_choice user n stop stream seed "
    "frequency_penalty presence_penalty logprobs parallel_tool_calls prompt_cache_key "
    "service_tier".split()
)
COMPATIBLE_KEYS = frozenset(
    "model messages max_tokens response_format temperature top_p tools tool_choice n stop stream "
    "frequency_penalty presence_penalty".split()
)
SCHEMA_KEYS = frozenset(
    "type properties required additionalProperties description title enum const items anyOf $ref $defs "
    "pattern format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minItems maxItems".split()
)
MAX_PROPERTIES, MAX_DEPTH, MAX_ENUM = 5000, 10, 1000
BYTES_PER_TOKEN = 3


class BadCall(Exception):
    """A call that the service refuses, as its answer."""

    def __init__(self, answer: Answer):
        self.answer = answer
        super().__init__(answer.body.decode())


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


def completion(text: Any, finish: str = "stop", **message: Any) -> Answer:
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


def thinking(text: str, tag: str = "think") -> str:
    """A text after the thoughts of a model that writes them into its answer.

    The thoughts have a draft of the answer in them, which is not the answer.
    Source: https://docs.ollama.com/capabilities/thinking
    """
    return f'<{tag}>\nFirst I thought of {{"topic": "draft"}}, but no.\n</{tag}>\n\n{text}'


def in_prose(text: str) -> str:
    return f"Sure! Here is the result you asked for:\n\n{text}\n\nLet me know if {{you}} need more."


def in_fence(text: str) -> str:
    return f"Here it is:\n\n```json\n{text}\n```\nI hope this helps."


def in_parts(text: str) -> list[dict[str, Any]]:
    """Content as a list: the thoughts, then the text in two parts.

    Source: https://docs.mistral.ai/capabilities/reasoning
    """
    half = len(text) // 2
    return [
        {"type": "thinking", "thinking": [{"type": "text", "text": 'Maybe {"topic": "draft"}?'}]},
        {"type": "text", "text": text[:half]},
        {"type": "text", "text": text[half:]},
    ]


def choice_error(code: Any, message: str = "Provider returned error") -> Answer:
    """An error of the model's provider inside a choice, with HTTP 200.

    Source: https://openrouter.ai/docs/api/reference/errors-and-debugging
    """
    choice = {
        "index": 0,
        "finish_reason": "error",
        "native_finish_reason": None,
        "message": {"role": "assistant", "content": "", "refusal": None},
        "error": {"code": code, "message": message, "metadata": {"provider_name": "Example"}},
    }
    body = {"id": "gen-1", "object": "chat.completion", "choices": [choice], "usage": usage(True)}
    return Answer(200, json.dumps(body).encode(), headers())


def error_list(status: int, message: str, word: str, reason: str = "", **detail: Any) -> Answer:
    """An error of Gemini's compatible endpoint: a list with one object.

    Source: https://github.com/continuedev/continue/issues/10290
    """
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}
    details = ([info] if reason else []) + ([detail] if detail else [])
    error = {"code": status, "message": message, "status": word, "details": details}
    return Answer(status, json.dumps([{"error": error}]).encode(), headers())


class FakeOpenAI(Sink):
    """``fake.base_url`` answers with the script, or else with a valid value for each field.

    ``script`` takes answers for the next calls; ``says`` sets the object that it answers with;
    ``delay_s`` is how long it thinks.  ``key`` is the API key it requires; with None any key is right
    and none is needed.  ``context`` is the longest prompt, in tokens.
    """

    def __init__(self, service: str = "openai", key: str | None = None) -> None:
        assert service in SERVICES
        self.service, self.key, self.context = service, key, 100_000
        self.said: Mapping[str, Any] | None = None
        self.delay_s = 0.0
        self.planned: list[Answer] = []
        super().__init__()

    @property
    def base_url(self) -> str:
        return {
            "azure": f"{self.url}/openai/deployments/{DEPLOYMENT}?api-version={API_VERSIONS[0]}",
            "gemini": f"{self.url}/v1beta/openai",
            "openrouter": f"{self.url}/api/v1",
        }.get(self.service, f"{self.url}/v1")

    def says(self, **answer: Any) -> None:
        self.said = answer

    def script(self, answers: Sequence[Answer]) -> None:
        self.planned = list(answers)

    def take(self, seen: Seen) -> Answer:
        super().take(seen)
        try:
            is_chat = self._check_path(seen)
            self._check_key(seen)
            body = self._check_body(seen, is_chat)
        except BadCall as exc:
            return exc.answer
        if self.planned:
            return self.planned.pop(0)
        text = json.dumps(self.said if self.said is not None else fitting(schema_of(body, is_chat)))
        answer = completion(text) if is_chat else response(text)
        return Answer(answer.status, answer.body, headers(**LIMITS), self.delay_s)

    def _check_path(self, seen: Seen) -> bool:
        """Whether it is Chat Completions.  Any other path is a 404, also with a doubled or cut one.

        Azure needs the deployment in the path and ``api-version`` in the query, or the path
        ``/openai/v1``.
        """
        parts = urlsplit(seen.path)
        base = urlsplit(self.base_url).path
        if self.service == "azure":
            version = parse_qs(parts.query).get("api-version", [""])[0]
            if parts.path == f"{base}/chat/completions" and version in API_VERSIONS:
                return True
            if parts.path in ("/openai/v1/chat/completions", "/openai/v1/responses"):
                return parts.path.endswith("completions")
            raise BadCall(self._error(404, "Resource not found", code="404"))
        if not parts.query and parts.path == f"{base}/chat/completions":
            return True
        if not parts.query and parts.path == f"{base}/responses" and self.service == "openai":
            return False
        said = f"Invalid URL ({seen.method} {seen.path})"
        raise BadCall(self._error(404, said, "invalid_request_error"))

    def _check_key(self, seen: Seen) -> None:
        """Azure takes the key as ``api-key`` only; the others as Bearer; Ollama ignores it.

        Azure reads a Bearer token as one of Microsoft Entra and refuses a key there.
        Source: https://learn.microsoft.com/en-us/azure/ai-services/openai/reference#authentication
        """
        bearer = seen.headers.get("authorization", "").removeprefix("Bearer ")
        given = seen.headers.get("api-key", "") if self.service == "azure" else bearer
        if self.service == "azure" and bearer:
            raise BadCall(self._error(401, "Access denied: the token is not valid.", code="401"))
        if self.service == "ollama" or self.key is None or given == self.key:
            return
        if self.service == "gemini":
            said = "API key not valid. Please pass a valid API key."
            raise BadCall(error_list(400, said, "INVALID_ARGUMENT", "API_KEY_INVALID"))
        code = {"azure": "401", "openrouter": 401}.get(self.service, "invalid_api_key")
        raise BadCall(
            self._error(401, "Incorrect API key provided.", "invalid_request_error", code)
        )

    def _check_body(self, seen: Seen, is_chat: bool) -> dict[str, Any]:
        if not seen.headers.get("content-type", "").startswith("application/json"):
            raise BadCall(self._error(400, "The body is not JSON.", "invalid_request_error"))
        body = seen.json()
        allowed = RESPONSES_KEYS
        if is_chat:
            allowed = CHAT_KEYS if self.service in ("openai", "azure") else COMPATIBLE_KEYS
        for name in sorted(set(body) - allowed):
            raise BadCall(self._unknown(name, body[name]))
        if is_chat and self.service in ("openai", "azure") and "max_tokens" in body:
            said = "'max_tokens' is not supported with this model. Use 'max_completion_tokens'."
            raise BadCall(self._bad(said, "max_tokens", "unsupported_parameter"))
        if body.get("model") in REASONING and "temperature" in body:
            said = "Unsupported parameter: 'temperature' is not supported with this model."
            raise BadCall(self._bad(said, "temperature", "unsupported_parameter"))
        if not body.get("model") or body["model"] == MISSING_MODEL:
            said = f"The model `{body.get('model')}` does not exist."
            raise BadCall(self._error(404, said, "invalid_request_error", "model_not_found"))
        prompt = body.get("messages") if is_chat else body.get("input")
        self._check_prompt(prompt, body)
        limit = body.get("max_output_tokens")
        if limit is not None and limit < 16:
            said = "Invalid 'max_output_tokens': integer below minimum value."
            raise BadCall(self._bad(said, "max_output_tokens", "integer_below_min_value"))
        told = body.get("response_format") if is_chat else (body.get("text") or {}).get("format")
        if told is not None:
            self._check_format(told, prompt, is_chat)
        return dict(body)

    def _check_prompt(self, prompt: Any, body: Mapping[str, Any]) -> None:
        """Messages with a role and text, not longer than the context."""
        roles = {"system", "user", "assistant", "developer"}
        if not isinstance(prompt, list) or not prompt:
            raise BadCall(self._bad("There are no messages.", "messages"))
        for message in prompt:
            if message.get("role") not in roles or not isinstance(message.get("content"), str):
                raise BadCall(self._bad("A message is not valid.", "messages"))
        size = len(json.dumps([prompt, body.get("instructions")], ensure_ascii=False).encode())
        if size > self.context * BYTES_PER_TOKEN:
            said = f"This model's maximum context length is {self.context} tokens."
            raise BadCall(self._bad(said, "messages", "context_length_exceeded"))

    def _check_format(self, told: Mapping[str, Any], prompt: Any, is_chat: bool) -> None:
        """The word "json" has to be in the messages for JSON mode; instructions do not count.

        Sources: https://platform.openai.com/docs/guides/structured-outputs#json-mode,
        https://github.com/BigDawnGhost/wenyi/pull/66
        """
        kind = told.get("type")
        if kind == "json_object":
            if set(told) != {"type"}:
                raise BadCall(self._bad("JSON mode takes no schema.", "response_format"))
            if "json" not in json.dumps(prompt).lower():
                said = "'messages' must contain the word 'json' in some form."
                raise BadCall(self._bad(said, "messages"))
            return
        if kind != "json_schema":
            raise BadCall(self._bad("Invalid format.", "response_format"))
        inner = told.get("json_schema") if is_chat else {k: told[k] for k in told if k != "type"}
        if not isinstance(inner, Mapping) or set(inner) - {
            *("name", "schema", "strict", "description")
        }:
            raise BadCall(self._bad("Invalid format.", "response_format"))
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", str(inner.get("name", ""))):
            raise BadCall(self._bad("Invalid name of the schema.", "response_format"))
        if inner.get("strict") is True:
            if self.service == "ollama":
                raise BadCall(self._bad("strict is not supported.", "response_format"))
            if wrong := wrong_schema(inner.get("schema")):
                raise BadCall(self._bad(wrong, "response_format", "invalid_json_schema"))

    def _bad(self, message: str, param: str, code: str = "") -> Answer:
        return self._error(400, message, "invalid_request_error", code or None, param)

    def _unknown(self, name: str, value: Any) -> Answer:
        """Each service refuses an unknown parameter in its own words."""
        if self.service == "mistral":
            detail = {
                "type": "extra_forbidden",
                "loc": ["body", name],
                "msg": "Extra inputs are not permitted",
                "input": value,
            }
            return Answer(422, json.dumps({"detail": [detail]}).encode(), headers())
        if self.service == "gemini":
            said = f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'
            return error_list(400, said, "INVALID_ARGUMENT")
        return self._bad(f"Unknown parameter: '{name}'.", name, "unknown_parameter")

    def _error(
        self, status: int, message: str, kind: str = "", code: Any = None, param: str | None = None
    ) -> Answer:
        if self.service == "gemini":
            return error_list(status, message, "INVALID_ARGUMENT")
        body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
        return Answer(status, json.dumps(body).encode(), headers())


def wrong_schema(schema: Any, depth: int = 0) -> str:
    """Why strict mode refuses a schema; empty if it does not.

    The root is an object.  Each object has ``additionalProperties: false`` and requires all its
    properties.  Only some keywords are supported.
    Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
    """
    if not isinstance(schema, Mapping) or (depth == 0 and schema.get("type") != "object"):
        return "schema must be a JSON Schema of 'type: \"object\"'."
    if depth > MAX_DEPTH:
        return "The schema is nested too deeply."
    for name in set(schema) - SCHEMA_KEYS:
        return f"'{name}' is not permitted."
    if len(schema.get("enum", ())) > MAX_ENUM:
        return "There are too many enum values."
    if "enum" in schema and not schema["enum"]:
        return "enum is empty."
    properties = schema.get("properties", {})
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            return "'additionalProperties' is required to be supplied and to be false."
        if sorted(schema.get("required", ())) != sorted(properties):
            return "'required' is required to include every key in properties."
        if len(properties) > MAX_PROPERTIES:
            return "There are too many properties."
    inner = [*properties.values(), *schema.get("anyOf", ()), *schema.get("$defs", {}).values()]
    inner += [schema["items"]] if "items" in schema else []
    return next(filter(None, (wrong_schema(one, depth + 1) for one in inner)), "")


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
