"""Every error that the service documents, with what Relay does and a sentence for a person.

Sources: OpenAI's guide to error codes, its reference of the Responses object (``error.code``,
``incomplete_details``), and what its own client retries.
"""

from __future__ import annotations

from relay.destinations.outcomes.known_errors import ErrorAction, KnownError
from relay.rules.lifecycle import Failed, Refused, Signal
from relay.transport.request import Reply

RETRY, PAUSE, FIX = ErrorAction.RETRY, ErrorAction.PAUSE, ErrorAction.FIX
BALANCE = "Add credit there or raise its limit, then resume this destination."
ACCESS = "Enter a key with access in the destination's settings, then resume."
NO_CREDIT = f"The AI account has no credit left. {BALANCE}"
POLICY = "The AI service refuses this text because of its usage policy. The settings are correct."
# by the error's code, or by its type if it has no code
ERRORS: dict[str, KnownError] = {
    code: KnownError(action, code, sentence)
    for code, action, sentence in (
        ("insufficient_quota", PAUSE, NO_CREDIT),
        ("credit_balance_exhausted", PAUSE, NO_CREDIT),
        (
            "billing_hard_limit_reached",
            PAUSE,
            f"The AI account has reached its spending limit. {BALANCE}",
        ),
        (
            "organization_spend_limit_exceeded",
            PAUSE,
            f"The organization of the AI account has reached its spending limit. {BALANCE}",
        ),
        (
            "project_spend_limit_exceeded",
            PAUSE,
            f"The project of the AI account has reached its spending limit. {BALANCE}",
        ),
        (
            "organization_usage_limit_exceeded",
            PAUSE,
            f"The organization of the AI account has reached its usage limit. {BALANCE}",
        ),
        ("billing_not_active", PAUSE, f"The AI account's billing is not active. {BALANCE}"),
        ("account_deactivated", PAUSE, f"The AI account was deactivated. {ACCESS}"),
        ("invalid_api_key", PAUSE, f"The AI service does not accept this API key. {ACCESS}"),
        (
            "invalid_organization",
            PAUSE,
            f"The API key does not belong to that organization. {ACCESS}",
        ),
        (
            "ip_not_authorized",
            PAUSE,
            "The AI account does not allow calls from this server's IP address. Allow the address "
            "there, then resume.",
        ),
        (
            "unsupported_country_region_territory",
            PAUSE,
            "The AI service does not support the country of this server. Use another service.",
        ),
        (
            "permission_error",
            PAUSE,
            f"The API key does not have the permission to do this. {ACCESS}",
        ),
        (
            "model_not_found",
            FIX,
            "The AI service does not have this model, or the API key has no access to it. Choose "
            "another model in the AI step.",
        ),
        (
            "context_length_exceeded",
            FIX,
            "The text is too long for this model. Lower the input limit of the AI step, or choose a "
            "model with a larger context.",
        ),
        (
            "string_above_max_length",
            FIX,
            "The text is too long for the AI service. Lower the input limit of the AI step.",
        ),
        ("invalid_prompt", FIX, POLICY),
        ("content_policy_violation", FIX, POLICY),
        (
            "content_filter",
            FIX,
            "The AI service's content filter stopped this text. The settings are correct.",
        ),
        (
            "unsupported_parameter",
            FIX,
            "The AI service does not support a parameter of the call. Choose another interface or "
            "another answer format in the destination's settings.",
        ),
        (
            "unsupported_value",
            FIX,
            "The model does not support a parameter of the call. Choose another model, or another "
            "answer format in the destination's settings.",
        ),
        (
            "invalid_json_schema",
            FIX,
            "The AI service does not accept the schema of the answer fields. Choose another answer "
            "format in the destination's settings.",
        ),
        (
            "rate_limit_exceeded",
            RETRY,
            "The calls to the AI service exceed the account's rate limit.",
        ),
        ("slow_down", RETRY, "The AI service asks Relay to send fewer calls."),
        ("server_error", RETRY, "The AI service has an internal error."),
        ("server_is_overloaded", RETRY, "The AI service is overloaded."),
        ("engine_overloaded", RETRY, "The AI service is overloaded."),
    )
}
BAD_QUESTION = KnownError(
    FIX,
    "bad_question",
    "The AI service does not accept the call. Compare the request with what it expects.",
)
STATUSES: dict[int, KnownError] = {
    400: BAD_QUESTION,
    401: ERRORS["invalid_api_key"],
    402: ERRORS["insufficient_quota"],
    403: ERRORS["permission_error"],
    404: KnownError(
        FIX,
        "not_there",
        "This URL or this model does not exist there. Check the URL, the interface and the model.",
    ),
    408: KnownError(RETRY, "http_408", "The AI service reported a timeout."),
    409: KnownError(RETRY, "http_409", "The AI service reported a conflict with another change."),
    413: ERRORS["context_length_exceeded"],
    422: BAD_QUESTION,
    429: ERRORS["rate_limit_exceeded"],
}


def signal_of(status: int, kind: str, code: str, wait_s: float | None) -> Signal:
    """The outcome of an error: by its code, else its type (``kind``), else the HTTP status.

    If either the code or the type means a pause, such as "no credit", that one counts.
    """
    known = [ERRORS[name] for name in (code, kind) if name in ERRORS]
    known.sort(key=lambda error: error.action is not PAUSE)
    if known:
        error = known[0]
    elif status in STATUSES:
        error = STATUSES[status]
    elif status >= 500:
        error = KnownError(RETRY, f"http_{status}", ERRORS["server_error"].sentence)
    else:
        error = KnownError(
            FIX,
            f"http_{status}",
            f"The AI service responded {status}, which Relay does not know. Check the URL and the "
            "interface.",
        )
    return error.signal(wait_s)


def no_reply(reply: Reply) -> Signal:
    """The outcome of a call without an HTTP response."""
    code = reply.error or "no_answer"
    sentence = reply.sentence or "The AI service did not respond."
    return Refused(code, sentence) if reply.permanent else Failed(code, sentence)
