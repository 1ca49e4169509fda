"""Every error that the service documents: what it means, and what a person does about it.

Sources: OpenAI's guide to error codes, its reference of the Responses object (``error.code``,
``incomplete_details``), and what its own client retries.
"""

from __future__ import annotations

from enum import StrEnum

from relay.rules.lifecycle import Failed, Refused, Signal
from relay.transport.request import Reply


class AiErrorAction(StrEnum):
    """What to do about an error."""

    RETRY = "retry"  # time may help
    FIX = "fix"  # this question cannot be answered so
    PAUSE = "pause"  # every question would fail


BALANCE = "Add credit there or raise its limit, then resume this destination. Relay never retries such a call."
ACCESS = "Enter a key that may use it in the destination's settings, then resume."
# by the error's code, or its type where it has no code
ERRORS: dict[str, tuple[AiErrorAction, str]] = {
    "insufficient_quota": (AiErrorAction.PAUSE, f"The AI account has no credit left. {BALANCE}"),
    "credit_balance_exhausted": (
        AiErrorAction.PAUSE,
        f"The AI account has no credit left. {BALANCE}",
    ),
    "billing_hard_limit_reached": (
        AiErrorAction.PAUSE,
        f"The AI account reached its spending limit. {BALANCE}",
    ),
    "organization_spend_limit_exceeded": (
        AiErrorAction.PAUSE,
        f"The AI account's organisation reached its spending limit. {BALANCE}",
    ),
    "project_spend_limit_exceeded": (
        AiErrorAction.PAUSE,
        f"The AI account's project reached its spending limit. {BALANCE}",
    ),
    "organization_usage_limit_exceeded": (
        AiErrorAction.PAUSE,
        f"The AI account's organisation reached its usage limit. {BALANCE}",
    ),
    "billing_not_active": (
        AiErrorAction.PAUSE,
        f"The AI account's billing is not active. {BALANCE}",
    ),
    "account_deactivated": (AiErrorAction.PAUSE, f"The AI account was deactivated. {ACCESS}"),
    "invalid_api_key": (AiErrorAction.PAUSE, f"The AI service does not know this key. {ACCESS}"),
    "invalid_organization": (
        AiErrorAction.PAUSE,
        f"The key does not belong to that organisation. {ACCESS}",
    ),
    "ip_not_authorized": (
        AiErrorAction.PAUSE,
        "The AI account does not allow calls from this server's address. Add the address there, then resume.",
    ),
    "unsupported_country_region_territory": (
        AiErrorAction.PAUSE,
        "The AI service does not serve the country that this server stands in.",
    ),
    "permission_error": (AiErrorAction.PAUSE, f"The key may not do this. {ACCESS}"),
    "model_not_found": (
        AiErrorAction.FIX,
        "The AI service does not have this model, or the key may not use it. Choose another model in the AI step.",
    ),
    "context_length_exceeded": (
        AiErrorAction.FIX,
        "The text is too long for this model. Lower the AI step's limit of input, or choose a larger model.",
    ),
    "string_above_max_length": (
        AiErrorAction.FIX,
        "The text is too long for the AI service. Lower the AI step's limit of input.",
    ),
    "invalid_prompt": (
        AiErrorAction.FIX,
        "The AI service refuses this text by its rules of use. Nothing is wrong with the settings.",
    ),
    "content_policy_violation": (
        AiErrorAction.FIX,
        "The AI service refuses this text by its rules of use. Nothing is wrong with the settings.",
    ),
    "content_filter": (
        AiErrorAction.FIX,
        "The AI service's filter stopped this text. Nothing is wrong with the settings.",
    ),
    "unsupported_parameter": (
        AiErrorAction.FIX,
        "The AI service does not know a part of the call. Choose another interface or another way of "
        "keeping answers in shape in the destination's settings.",
    ),
    "unsupported_value": (
        AiErrorAction.FIX,
        "The AI service does not take a part of the call from this model. Choose another model, or "
        "another way of keeping answers in shape.",
    ),
    "invalid_json_schema": (
        AiErrorAction.FIX,
        "The AI service does not take the answer's fields. Choose another way of keeping answers in "
        "shape in the destination's settings.",
    ),
    "rate_limit_exceeded": (
        AiErrorAction.RETRY,
        "The AI service gets more calls than the account may make.",
    ),
    "slow_down": (AiErrorAction.RETRY, "The AI service asks for fewer calls."),
    "server_error": (AiErrorAction.RETRY, "The AI service has trouble of its own."),
    "server_is_overloaded": (AiErrorAction.RETRY, "The AI service is overloaded."),
    "engine_overloaded": (AiErrorAction.RETRY, "The AI service is overloaded."),
}
STATUSES: dict[int, tuple[str, AiErrorAction, str]] = {
    400: (
        "bad_question",
        AiErrorAction.FIX,
        "The AI service does not accept the call. Compare what was sent with what it expects.",
    ),
    401: ("invalid_api_key", *ERRORS["invalid_api_key"]),
    402: ("insufficient_quota", *ERRORS["insufficient_quota"]),
    403: ("permission_error", *ERRORS["permission_error"]),
    404: (
        "not_there",
        AiErrorAction.FIX,
        "Nothing answers at this address or to this model. Check the address, the interface and the model.",
    ),
    408: ("http_408", AiErrorAction.RETRY, "The AI service gave up waiting."),
    409: ("http_409", AiErrorAction.RETRY, "The AI service was changing something at that moment."),
    413: ("context_length_exceeded", *ERRORS["context_length_exceeded"]),
    422: (
        "bad_question",
        AiErrorAction.FIX,
        "The AI service does not accept the call. Compare what was sent with what it expects.",
    ),
    429: ("rate_limit_exceeded", *ERRORS["rate_limit_exceeded"]),
}


def signal_of(status: int, kind: str, code: str, wait_s: float | None) -> Signal:
    """What an error means: by its code, else its type, else the HTTP status.

    A type or code that says "no credit" counts whatever the other one says.
    """
    known = [name for name in (kind, code) if name in ERRORS]
    worst = next((name for name in known if ERRORS[name][0] is AiErrorAction.PAUSE), None)
    name = worst or (code if code in ERRORS else kind)
    if name in ERRORS:
        verdict, sentence = ERRORS[name]
    elif status in STATUSES:
        name, verdict, sentence = STATUSES[status]
    elif status >= 500:
        name, verdict, sentence = f"http_{status}", *ERRORS["server_error"]
    else:
        name, verdict = f"http_{status}", AiErrorAction.FIX
        sentence = f"The AI service answered {status}, which Relay does not know. Check the address and the interface."
    if verdict is AiErrorAction.RETRY:
        return Failed(name, sentence, wait_s)
    return Refused(name, sentence, pause=verdict is AiErrorAction.PAUSE)


def no_reply(reply: Reply) -> Signal:
    """No HTTP answer at all."""
    code, sentence = reply.error or "no_answer", reply.sentence or "The AI service did not answer."
    return Refused(code, sentence) if reply.permanent else Failed(code, sentence)
