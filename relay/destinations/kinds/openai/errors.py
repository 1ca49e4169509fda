"""Every error that the service documents, with what Relay does and a sentence for a person.

Sources: OpenAI's guide to error codes, its reference of the Responses object (``error.code``,
``incomplete_details``), and what its own client retries.  The names of other services are from
https://ai.google.dev/gemini-api/docs/troubleshooting (Gemini),
https://learn.microsoft.com/en-us/azure/ai-services/openai/reference (Azure) and
https://docs.mistral.ai/api (Mistral).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from relay.destinations.outcomes.known_errors import ErrorAction, KnownError
from relay.i18n import N_, _
from relay.rules.lifecycle import Failed, Refused, Signal
from relay.transport.request import Reply


@dataclass(frozen=True)
class ServiceError:
    """An error as a service words it.  ``names`` are its codes and types, the most exact first.

    ``status`` is the HTTP status that the error names itself, ``wait_s`` the wait that it asks for.
    """

    names: tuple[str, ...] = ()
    words: str = ""
    status: int | None = None
    wait_s: float | None = None


RETRY, PAUSE, FIX = ErrorAction.RETRY, ErrorAction.PAUSE, ErrorAction.FIX
BALANCE = N_("Add credit there or raise its limit, then resume this destination.")
ACCESS = N_("Enter a key with access in the destination's settings, then resume.")
NO_CREDIT = " ".join((N_("The AI account has no credit left."), BALANCE))
POLICY = N_(
    "The AI service refuses this text because of its usage policy. The settings are correct."
)
# by the error's code, or by its type if it has no code
ERRORS: dict[str, KnownError] = {
    code: KnownError(action, code, sentence)
    for code, action, sentence in (
        ("insufficient_quota", PAUSE, NO_CREDIT),
        ("credit_balance_exhausted", PAUSE, NO_CREDIT),
        (
            "billing_hard_limit_reached",
            PAUSE,
            " ".join((N_("The AI account has reached its spending limit."), BALANCE)),
        ),
        (
            "organization_spend_limit_exceeded",
            PAUSE,
            " ".join(
                (N_("The organization of the AI account has reached its spending limit."), BALANCE)
            ),
        ),
        (
            "project_spend_limit_exceeded",
            PAUSE,
            " ".join(
                (N_("The project of the AI account has reached its spending limit."), BALANCE)
            ),
        ),
        (
            "organization_usage_limit_exceeded",
            PAUSE,
            " ".join(
                (N_("The organization of the AI account has reached its usage limit."), BALANCE)
            ),
        ),
        (
            "billing_not_active",
            PAUSE,
            " ".join((N_("The AI account's billing is not active."), BALANCE)),
        ),
        ("account_deactivated", PAUSE, " ".join((N_("The AI account was deactivated."), ACCESS))),
        (
            "invalid_api_key",
            PAUSE,
            " ".join((N_("The AI service does not accept this API key."), ACCESS)),
        ),
        (
            "invalid_organization",
            PAUSE,
            " ".join((N_("The API key does not belong to that organization."), ACCESS)),
        ),
        (
            "ip_not_authorized",
            PAUSE,
            N_(
                "The AI account does not allow calls from this server's IP address. Allow the address "
                "there, then resume."
            ),
        ),
        (
            "unsupported_country_region_territory",
            PAUSE,
            N_("The AI service does not support the country of this server. Use another service."),
        ),
        (
            "permission_error",
            PAUSE,
            " ".join((N_("The API key does not have the permission to do this."), ACCESS)),
        ),
        (
            "model_not_found",
            FIX,
            N_(
                "The AI service does not have this model, or the API key has no access to it. Choose "
                "another model in the AI step."
            ),
        ),
        (
            "context_length_exceeded",
            FIX,
            N_(
                "The text is too long for this model. Lower the input limit of the AI step, or choose a "
                "model with a larger context."
            ),
        ),
        (
            "string_above_max_length",
            FIX,
            N_("The text is too long for the AI service. Lower the input limit of the AI step."),
        ),
        ("invalid_prompt", FIX, POLICY),
        ("content_policy_violation", FIX, POLICY),
        (
            "content_filter",
            FIX,
            N_("The AI service's content filter stopped this text. The settings are correct."),
        ),
        (
            "unsupported_parameter",
            FIX,
            N_(
                "The AI service does not support a parameter of the call. Choose another interface or "
                "another answer format in the destination's settings."
            ),
        ),
        (
            "unsupported_value",
            FIX,
            N_(
                "The model does not support a parameter of the call. Choose another model, or another "
                "answer format in the destination's settings."
            ),
        ),
        (
            "invalid_json_schema",
            FIX,
            N_(
                "The AI service does not accept the schema of the answer fields. Choose another answer "
                "format in the destination's settings."
            ),
        ),
        (
            "rate_limit_exceeded",
            RETRY,
            N_("The calls to the AI service exceed the account's rate limit."),
        ),
        ("slow_down", RETRY, N_("The AI service asks Relay to send fewer calls.")),
        ("server_error", RETRY, N_("The AI service has an internal error.")),
        ("server_is_overloaded", RETRY, N_("The AI service is overloaded.")),
        ("engine_overloaded", RETRY, N_("The AI service is overloaded.")),
    )
}
BAD_QUESTION = KnownError(
    FIX,
    "bad_question",
    N_("The AI service does not accept the call. Compare the request with what it expects."),
)
STATUSES: dict[int, KnownError] = {
    400: BAD_QUESTION,
    401: ERRORS["invalid_api_key"],
    402: ERRORS["insufficient_quota"],
    403: ERRORS["permission_error"],
    404: KnownError(
        FIX,
        "not_there",
        N_(
            "This URL or this model does not exist there. Check the URL, the interface and the model."
        ),
    ),
    408: KnownError(RETRY, "http_408", N_("The AI service reported a timeout.")),
    409: KnownError(
        RETRY, "http_409", N_("The AI service reported a conflict with another change.")
    ),
    413: ERRORS["context_length_exceeded"],
    422: BAD_QUESTION,
    429: ERRORS["rate_limit_exceeded"],
}


# What other services call the same.
ALIASES = {
    "API_KEY_INVALID": "invalid_api_key",  # Gemini
    "API_KEY_SERVICE_BLOCKED": "permission_error",
    "UNAUTHENTICATED": "invalid_api_key",
    "PERMISSION_DENIED": "permission_error",
    "BILLING_DISABLED": "billing_not_active",
    "RESOURCE_EXHAUSTED": "rate_limit_exceeded",
    "UNAVAILABLE": "server_is_overloaded",
    "DEADLINE_EXCEEDED": "server_error",
    "INTERNAL": "server_error",
    "DeploymentNotFound": "model_not_found",  # Azure
    "RateLimitReached": "rate_limit_exceeded",
    "OperationNotSupported": "unsupported_value",
    "extra_forbidden": "unsupported_parameter",  # Mistral, vLLM
    "unknown_parameter": "unsupported_parameter",
    "invalid_model": "model_not_found",
}
NO_MODEL = re.compile(
    r"\bmodels?\b.{0,120}\b(not found|does not exist|no longer available)", re.IGNORECASE
)


def signal_of(status: int, error: ServiceError, wait_s: float | None) -> Signal:
    """The outcome of an error: by its code, else its type, else the HTTP status.

    If one of its names means a pause, such as "no credit", that one counts.  The sentence ends with
    the service's own words.
    """
    known = _known_error(status, error)
    if error.words:
        said = _(
            "%(sentence)s The service said: “%(words)s”.",
            sentence=known.sentence,
            words=error.words.rstrip("."),
        )
        known = replace(known, sentence=said)
    return known.signal(wait_s)


def _known_error(status: int, error: ServiceError) -> KnownError:
    names = [ALIASES.get(name, name) for name in error.names]
    known = [ERRORS[name] for name in names if name in ERRORS]
    known.sort(key=lambda error: error.action is not PAUSE)
    if known:
        return known[0]
    if status in (400, 404) and NO_MODEL.search(error.words):
        return ERRORS["model_not_found"]
    if status in STATUSES:
        return STATUSES[status]
    if status >= 500:
        return KnownError(RETRY, f"http_{status}", ERRORS["server_error"].sentence)
    return KnownError(
        FIX,
        f"http_{status}",
        _(
            "The AI service responded %(status)s, which Relay does not know. Check the "
            "URL and the interface.",
            status=status,
        ),
    )


def no_reply(reply: Reply) -> Signal:
    """The outcome of a call without an HTTP response."""
    code = reply.error or "no_answer"
    sentence = reply.sentence or _("The AI service did not respond.")
    return Refused(code, sentence) if reply.permanent else Failed(code, sentence)
