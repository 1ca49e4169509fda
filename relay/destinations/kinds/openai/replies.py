"""Reads a reply: the answer, its tokens, or the error.  A 200 can be a failure.

Source: OpenAI's reference of the Responses object and of the Chat Completion object.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from relay.destinations.ai import AiReply, TokenUsage
from relay.destinations.kinds.openai.answers import answer_in, text_of
from relay.destinations.kinds.openai.errors import ERRORS, ServiceError, no_reply, signal_of
from relay.i18n import _
from relay.rules.lifecycle import Accepted, Failed, Refused, Signal
from relay.transport.request import Reply, retry_after_s

MAX_WAIT_S = 3600.0
DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
MAX_WORDS = 300  # characters of a service's own words


def read(reply: Reply) -> AiReply:
    """Read a reply of the Responses or the Chat Completions interface."""
    request_id = _one_line(reply.header("x-request-id") or "", 100)
    if reply.error is not None or reply.status is None:
        return AiReply(no_reply(reply), request_id=request_id)
    found = _json(reply.text)
    body = found if isinstance(found, dict) else {}
    is_answer = 200 <= reply.status < 300 and not isinstance(found, list)
    if not is_answer or (body.get("error") and not isinstance(body.get("output"), list)):
        error = error_in(found)
        status = reply.status if reply.status >= 300 else error.status or 500
        wait = wait_s(reply) if error.wait_s is None else error.wait_s
        return AiReply(signal_of(status, error, wait), request_id=request_id)
    usage = _usage(body.get("usage"))
    if isinstance(body.get("output"), list):
        signal, text = _response(body)
    elif isinstance(body.get("choices"), list):
        signal, text = _chat(body, reply)
    else:
        signal, text = _not_an_answer(), ""
    if not isinstance(signal, Accepted):
        return AiReply(signal, None, usage, request_id)
    answer = answer_in(text)
    return AiReply(signal if answer else _no_fields(), answer or None, usage, request_id)


def error_in(found: Any) -> ServiceError:
    """The error in a reply's JSON, in the form of any service.

    OpenAI: ``{"error": {"message", "type", "code"}}``.  Gemini: the same in a list, with a status word
    and details.  Mistral: ``{"detail": [{"type", "msg", "loc"}]}``, also within ``message``.  Ollama:
    ``{"error": "words"}``.
    """
    if isinstance(found, list):
        found = next((one for one in found if isinstance(one, Mapping)), {})
    if not isinstance(found, Mapping):
        return ServiceError()
    error = found.get("error", found)
    if not isinstance(error, Mapping):
        return ServiceError(words=_one_line(error or "", MAX_WORDS))
    message, details = error.get("message"), error.get("details")
    detail = message.get("detail") if isinstance(message, Mapping) else error.get("detail")
    lines = [
        one for one in (detail if isinstance(detail, list) else []) if isinstance(one, Mapping)
    ]
    parts = [
        one for one in (details if isinstance(details, list) else []) if isinstance(one, Mapping)
    ]
    names = [*(one.get("reason") for one in parts), error.get("code"), error.get("type")]
    names += [error.get("status"), *(one.get("type") for one in lines)]
    words = message if isinstance(message, str) else detail if isinstance(detail, str) else ""
    if lines:
        place = lines[0].get("loc")
        where = place[-1] if isinstance(place, list) and place else ""
        words = f"{lines[0].get('msg', '')} ({where})" if where else str(lines[0].get("msg", ""))
    waits = [duration_s(str(one.get("retryDelay", ""))) for one in parts]
    return ServiceError(
        tuple(name for name in names if isinstance(name, str)),
        _one_line(words, MAX_WORDS),
        _status_in(error.get("code")),
        next((min(wait, MAX_WAIT_S) for wait in waits if wait is not None), None),
    )


def wait_s(reply: Reply) -> float | None:
    """The wait that a reply asks for: ``retry-after-ms``, ``Retry-After``, or the limit's reset."""
    exact = (reply.header("retry-after-ms") or "").strip()
    if re.fullmatch(r"\d{1,10}(\.\d{1,6})?", exact):
        return min(float(exact) / 1000, MAX_WAIT_S)
    retry_after = retry_after_s(reply)
    if retry_after is not None:
        return min(retry_after, MAX_WAIT_S)
    if reply.status != 429:
        return None
    resets = [
        seconds
        for what in ("requests", "tokens")
        if (reply.header(f"x-ratelimit-remaining-{what}") or "0").strip() == "0"
        and (seconds := duration_s(reply.header(f"x-ratelimit-reset-{what}") or "")) is not None
    ]
    return min(max(resets), MAX_WAIT_S) if resets else None


def duration_s(text: str) -> float | None:
    """``12ms``, ``6m0s``, ``1h2m3s`` in seconds; None for anything else."""
    parts = DURATION_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        return None
    return sum(float(number) * SECONDS[unit] for number, unit in parts)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _status_in(value: Any) -> int | None:
    """The HTTP status in an error's code, where some services put it."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
        value = int(value)
    return value if isinstance(value, int) and 400 <= value < 600 else None


def _count(usage: Mapping[str, Any], *names: str) -> int | None:
    """The first of these counts; None if the reply does not report it."""
    found = next((usage[name] for name in names if name in usage), None)
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    is_count = isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 10**9
    return found if is_count else None


def _usage(usage: Any) -> TokenUsage | None:
    """The tokens, under the names of either interface.  Output tokens include reasoning tokens.

    None if one of the two numbers is missing: the call then counts with its maximum cost.
    """
    if not isinstance(usage, Mapping):
        return None
    details = usage.get("input_tokens_details") or usage.get("prompt_tokens_details")
    tokens_in = _count(usage, "input_tokens", "prompt_tokens")
    tokens_out = _count(usage, "output_tokens", "completion_tokens")
    if tokens_in is None or tokens_out is None:
        return None
    cached = _count(details, "cached_tokens") if isinstance(details, Mapping) else 0
    return TokenUsage(tokens_in, tokens_out, cached or 0)


def _response(body: Mapping[str, Any]) -> tuple[Signal, str]:
    """The text of the Responses interface.  ``output`` can have other items than the message."""
    status = body.get("status", "completed")
    if status == "failed":
        return signal_of(500, error_in({"error": body.get("error")}), None), ""
    if status == "incomplete":
        details = body.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, Mapping) else ""
        return (_filtered() if reason == "content_filter" else _too_long()), ""
    if status != "completed":
        sentence = _(
            "The AI service did not finish (status: %(status)s).", status=_one_line(status, 40)
        )
        return Failed("not_finished", sentence), ""
    parts = [
        part
        for item in body["output"]
        if isinstance(item, Mapping) and item.get("type") == "message"
        for part in item.get("content") or ()
        if isinstance(part, Mapping)
    ]
    refusal = next((part.get("refusal") for part in parts if part.get("type") == "refusal"), None)
    if refusal is not None:
        return _refusal(refusal), ""
    texts = [part.get("text") for part in parts if part.get("type") == "output_text"]
    return Accepted(), "".join(text for text in texts if isinstance(text, str))


def _chat(body: Mapping[str, Any], reply: Reply) -> tuple[Signal, str]:
    """The text of the Chat Completions interface: that of the first choice.

    OpenRouter reports an error of the model's provider in the choice, with HTTP 200.
    Source: https://openrouter.ai/docs/api/reference/errors-and-debugging
    """
    choice = body["choices"][0] if body["choices"] else None
    if isinstance(choice, Mapping) and (
        choice.get("error") or choice.get("finish_reason") == "error"
    ):
        error = error_in({"error": choice.get("error")})
        return signal_of(error.status or 500, error, wait_s(reply)), ""
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(choice, Mapping) or not isinstance(message, Mapping):
        return _not_an_answer(), ""
    if message.get("refusal"):
        return _refusal(message["refusal"]), ""
    reason = choice.get("finish_reason")
    if reason == "length":
        return _too_long(), ""
    if reason == "content_filter":
        return _filtered(), ""
    content = message.get("content")
    refusals = [
        part.get("refusal")
        for part in (content if isinstance(content, list) else [])
        if isinstance(part, Mapping) and part.get("type") == "refusal"
    ]
    return (_refusal(refusals[0]), "") if refusals else (Accepted(), text_of(content))


def _refusal(reason: Any) -> Signal:
    return Refused(
        "refusal", _("The AI declined to answer: “%(words)s”.", words=_one_line(reason, 200))
    )


def _one_line(text: Any, length: int) -> str:
    """A text from outside as one line of printable characters, which every database can store."""
    printable = "".join(c if c.isprintable() else " " for c in str(text)[:2000])
    return " ".join(printable.split())[:length]


def _too_long() -> Signal:
    return Refused(
        "answer_too_long",
        _(
            "The answer is longer than the output limit of the AI step. Raise the limit, or ask for less."
        ),
    )


def _filtered() -> Signal:
    return ERRORS["content_filter"].signal()


def _no_fields() -> Signal:
    return Refused(
        "no_answer_fields",
        _(
            "The AI's answer does not have the requested fields. Choose a stricter answer format in the "
            "destination's settings, or another model."
        ),
    )


def _not_an_answer() -> Signal:
    return Refused(
        "not_an_answer",
        _(
            "The response is not from an AI service. Check the URL and the interface in the settings."
        ),
    )
