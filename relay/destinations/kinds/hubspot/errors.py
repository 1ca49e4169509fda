"""Every error that HubSpot documents: what it means, and what a person does about it.

Sources: https://developers.hubspot.com/docs/api-reference/error-handling (statuses, categories), the
property validations of its changelog, and the reference of form submissions (``errorType``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from relay.destinations.base import Reply
from relay.destinations.kinds.hubspot import limits
from relay.destinations.reply import classify, retry_after_s
from relay.destinations.verdicts import Known, Verdict
from relay.lifecycle import Held, Refused, Signal

RETRY, WAIT, PAUSE, FIX = Verdict.RETRY, Verdict.WAIT, Verdict.PAUSE, Verdict.FIX
RENEW = "Make a new access token in HubSpot, enter it in the settings and resume."
REMAP = "Choose another field in the mapping, or make it in HubSpot, then send again."
FORM = "Check the form in HubSpot and its id in the settings, then resume."

CATEGORIES: dict[str, Known] = {
    "INVALID_AUTHENTICATION": Known(
        PAUSE, "bad_token", f"HubSpot does not accept the access token. {RENEW}"
    ),
    "EXPIRED_AUTHENTICATION": Known(
        PAUSE, "expired_token", f"HubSpot says that the access token has expired. {RENEW}"
    ),
    "UNAUTHORIZED": Known(PAUSE, "bad_token", f"HubSpot does not accept the access token. {RENEW}"),
    "MISSING_SCOPES": Known(
        PAUSE,
        "missing_scopes",
        "The access token may not do this. Add the missing scopes to the private app in HubSpot, then resume.",
    ),
    "BANNED": Known(
        PAUSE, "banned", "HubSpot has blocked this app. Ask HubSpot's support, then resume."
    ),
    "VALIDATION_ERROR": Known(
        FIX, "bad_record", "HubSpot does not accept what was written. Compare it with the mapping."
    ),
    "INVALID_OPTION": Known(
        FIX, "bad_record", "HubSpot does not accept what was written. Compare it with the mapping."
    ),
    "OBJECT_NOT_FOUND": Known(
        FIX, "not_found", "HubSpot does not find what this message belongs to. It may be deleted."
    ),
    "CONFLICT": Known(
        RETRY, "conflict", "HubSpot was writing the same record just then. Relay tries again."
    ),
    "OBJECT_ALREADY_EXISTS": Known(
        RETRY, "conflict", "HubSpot was writing the same record just then. Relay tries again."
    ),
    "CAPACITY_EXCEEDED": Known(
        PAUSE, "account_full", "Your HubSpot account is full. Make room or extend it, then resume."
    ),
    "RATE_LIMITS": Known(
        WAIT, "rate_limited", "HubSpot gets more calls than your account may make."
    ),
}
STATUSES: dict[int, Known] = {
    401: CATEGORIES["INVALID_AUTHENTICATION"],
    403: CATEGORIES["MISSING_SCOPES"],
    404: Known(
        PAUSE,
        "wrong_address",
        "HubSpot does not know this address. Check its version and address in the settings, then resume.",
    ),
    409: CATEGORIES["CONFLICT"],
    414: Known(
        FIX, "too_long", "HubSpot does not take this record: it or its history is too large."
    ),
    423: Known(WAIT, "locked", "HubSpot has locked the account for a moment: too much at once."),
    429: CATEGORIES["RATE_LIMITS"],
    477: Known(
        WAIT,
        "moving",
        "HubSpot is moving your account to another place. Relay waits until it is over.",
    ),
    500: Known(RETRY, "hubspot_trouble", "HubSpot has trouble of its own. Relay tries again."),
    502: Known(RETRY, "hubspot_busy", "HubSpot has too much to do. Relay tries again."),
    503: Known(RETRY, "hubspot_away", "HubSpot is away for a moment. Relay tries again."),
    504: Known(RETRY, "hubspot_busy", "HubSpot has too much to do. Relay tries again."),
    521: Known(RETRY, "hubspot_away", "HubSpot's server is down. Relay tries again."),
    522: Known(
        RETRY, "hubspot_slow", "HubSpot's server did not answer in time. Relay tries again."
    ),
    523: Known(RETRY, "hubspot_away", "HubSpot's server cannot be reached. Relay tries again."),
    524: Known(
        RETRY, "hubspot_slow", "HubSpot's server did not answer in time. Relay tries again."
    ),
    525: Known(
        RETRY, "hubspot_away", "HubSpot's server has a broken certificate. Relay tries again."
    ),
    526: Known(
        RETRY, "hubspot_away", "HubSpot's server has a broken certificate. Relay tries again."
    ),
}
DAILY = Known(
    WAIT,
    "daily_limit",
    "Today's calls to HubSpot are used up. Relay goes on when HubSpot's new day begins.",
)
MOMENT_S = {423: 2.0, 502: 5.0, 503: 5.0, 504: 5.0}  # where it says nothing better itself

# what is wrong with a field, by HubSpot's word for it: our code and the rest of the sentence
FIELD_ERRORS: dict[str, tuple[str, str]] = {
    "PROPERTY_DOESNT_EXIST": ("unknown_property", f"it does not exist in your account. {REMAP}"),
    "READ_ONLY_VALUE": ("read_only_property", f"only HubSpot itself may change it. {REMAP}"),
    "INVALID_EMAIL": ("bad_value", "this is no e-mail address that it takes."),
    "INVALID_OPTION": ("bad_value", "it is not one of the choices there."),
    "INVALID_INTEGER": ("bad_value", "it is not a whole number."),
    "INVALID_LONG": ("bad_value", "it is not a whole number."),
    "INVALID_NUMBER": ("bad_value", "it is not a number."),
    "INVALID_DATE": ("bad_value", "it is not a date."),
    "INVALID_ALPHA": ("bad_value", "your rules there allow letters only."),
    "INVALID_PHONE_NUMBER": ("bad_value", "it is not a telephone number."),
    "CONFLICTING_UNIQUE_VALUE": ("value_taken", "another record has it already."),
    "REQUIRED_PROPERTY_MISSING": ("missing_value", "it must not be empty."),
}
FORM_ERRORS: dict[str, Known] = {
    "FORM_NOT_FOUND": Known(PAUSE, "form_unknown", f"HubSpot does not know this form. {FORM}"),
    "FIELD_NOT_IN_FORM_DEFINITION": Known(
        FIX,
        "not_in_form",
        "The form in HubSpot does not have this field. Add it there, or unmap it.",
    ),
    "REQUIRED_FIELD": Known(FIX, "missing_value", "The form in HubSpot needs this field."),
    "INVALID_EMAIL": Known(FIX, "bad_value", "HubSpot does not take this e-mail address."),
    "BLOCKED_EMAIL": Known(FIX, "blocked_email", "The form in HubSpot blocks this e-mail address."),
    "INVALID_NUMBER": Known(FIX, "bad_value", "HubSpot wants a number there."),
    "NUMBER_OUT_OF_RANGE": Known(FIX, "bad_value", "The number is outside what the form takes."),
    "VALUE_NOT_IN_FIELD_DEFINITION": Known(
        FIX, "bad_value", "The value is not one of the form's choices."
    ),
    "INPUT_TOO_LARGE": Known(FIX, "too_long", "The text is too long for HubSpot's form."),
    "MAX_NUMBER_OF_SUBMITTED_VALUES_EXCEEDED": Known(
        FIX, "too_many_values", "HubSpot's form takes at most 1000 values."
    ),
    "INVALID_METADATA": Known(
        FIX, "bad_record", "HubSpot does not take what is said about the page."
    ),
    "INVALID_PAGE_URI": Known(FIX, "bad_value", "HubSpot does not take the page's address."),
    "INVALID_HUTK": Known(FIX, "bad_value", "HubSpot does not take the visitor's tracking number."),
    "INVALID_IP_ADDRESS": Known(FIX, "bad_value", "HubSpot does not take the visitor's address."),
    "INVALID_LEGAL_OPTION_FORMAT": Known(
        FIX,
        "bad_consent",
        "HubSpot does not take the consent so. Check the form's consent options.",
    ),
    "MISSING_PROCESSING_CONSENT": Known(
        FIX, "no_consent", "The form in HubSpot needs the visitor's consent, and there is none."
    ),
    "MISSING_PROCESSING_CONSENT_TEXT": Known(
        FIX, "no_consent", "Enter what visitors agree to in the destination's settings."
    ),
    "MISSING_COMMUNICATION_CONSENT_TEXT": Known(
        FIX,
        "no_consent",
        "The form asks for consent to messages. Take that off the form in HubSpot.",
    ),
    "MISSING_LEGITIMATE_INTEREST_TEXT": Known(
        FIX,
        "no_consent",
        "The form asks for a legitimate interest. Take that off the form in HubSpot.",
    ),
    "DUPLICATE_SUBSCRIPTION_TYPE_ID": Known(
        FIX, "bad_consent", "The form names the same kind of message twice. Mend it in HubSpot."
    ),
    "HAS_RECAPTCHA_ENABLED": Known(
        PAUSE,
        "form_has_captcha",
        "The form asks for a CAPTCHA, which no machine can answer. " + FORM,
    ),
}
FORM_FIELD = re.compile(r"'fields\.([A-Za-z0-9_]{1,100})'")
IN_MESSAGE = re.compile(r'Property \\?"([A-Za-z0-9_]{1,100})\\?" does not exist')


@dataclass(frozen=True)
class FieldError:
    """What HubSpot says about one field."""

    name: str
    word: str

    @property
    def code(self) -> str:
        return FIELD_ERRORS.get(self.word, ("bad_value", ""))[0]

    def signal(self) -> Refused:
        code, why = FIELD_ERRORS.get(
            self.word,
            ("bad_value", f"it says {self.word or 'no more'}. Compare it with the mapping."),
        )
        verb = "know" if code == "unknown_property" else "take"
        what = "field" if verb == "know" else "value of the field"
        return Refused(
            code, f"HubSpot does not {verb} the {what} {self.name}: {why}", field=self.name
        )


def body_of(reply: Reply) -> dict[str, Any]:
    """The answer as an object; every part of it is optional."""
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def field_errors(error: Mapping[str, Any]) -> list[FieldError]:
    """The fields that an error names: in its message, or in the errors and contexts below it."""
    return list(dict.fromkeys(_field_errors(error)))


def _field_errors(error: Mapping[str, Any]) -> Iterator[FieldError]:
    message = str(error.get("message", ""))
    start = message.find("[{")
    if start >= 0:
        try:
            listed = json.loads(message[start : message.rfind("]") + 1])
        except (ValueError, RecursionError):
            listed = []
        for one in listed:
            if isinstance(one, dict) and one.get("name"):
                yield FieldError(str(one["name"])[:100], str(one.get("error", ""))[:60])
    elif found := IN_MESSAGE.search(message):
        yield FieldError(found[1], "PROPERTY_DOESNT_EXIST")
    for one in error.get("errors") or ():
        if isinstance(one, dict):
            named = (one.get("context") or {}).get("propertyName")
            if isinstance(named, list) and named and not IN_MESSAGE.search(str(one.get("message"))):
                yield FieldError(str(named[0])[:100], str(one.get("code", ""))[:60])
            else:
                yield from _field_errors(one)


def signal_of(reply: Reply, account: Mapping[str, Any]) -> Signal:
    """What an answer means, from HubSpot's own words first."""
    if reply.error is not None or reply.status is None or reply.status < 300:
        return classify(reply)
    error = body_of(reply)
    if reply.status == 429:
        return too_many(reply, error, account)
    known = CATEGORIES.get(str(error.get("category"))) or STATUSES.get(reply.status)
    if known is None or (reply.status >= 500 and known.verdict is not RETRY):
        known = STATUSES.get(reply.status)
    return _signal(known, error, reply)


def _signal(known: Known | None, error: Mapping[str, Any], reply: Reply) -> Signal:
    if (known is None or known.verdict is FIX) and (named := field_errors(error)):
        return named[0].signal()
    if known is None:
        return classify(reply)
    if known.verdict in (FIX, PAUSE):
        return known.signal()
    return known.signal(retry_after_s(reply) or MOMENT_S.get(reply.status or 0))


def record_signal(error: Mapping[str, Any], reply: Reply) -> Signal:
    """What one record's part of an answer for many means."""
    if named := field_errors(error):
        return named[0].signal()
    known = CATEGORIES.get(str(error.get("category")), CATEGORIES["VALIDATION_ERROR"])
    return known.signal()


def too_many(reply: Reply, error: Mapping[str, Any], account: Mapping[str, Any]) -> Held:
    """The day's calls or a short window's are used up: all wait, and nobody loses an attempt."""
    policy = str(error.get("policyName") or "").upper()
    if "DAILY" in policy or (not policy and limits.number(reply, "Daily-Remaining") == 0):
        return Held(DAILY.code, DAILY.sentence, limits.until_midnight_s(reply, account))
    wait = max(retry_after_s(reply) or 0.0, limits.interval_s(reply))
    return Held("rate_limited", CATEGORIES["RATE_LIMITS"].sentence, wait)


def form_signal(reply: Reply, account: Mapping[str, Any]) -> Signal:
    """What a form's answer means."""
    if reply.status not in (400, 403, 404):
        return signal_of(reply, account)
    error = body_of(reply)
    for one in error.get("errors") or ():
        if isinstance(one, dict) and one.get("errorType") in FORM_ERRORS:
            named = FORM_FIELD.search(str(one.get("message", "")))
            return FORM_ERRORS[one["errorType"]].signal(field=named[1] if named else "")
    if reply.status == 404:
        return FORM_ERRORS["FORM_NOT_FOUND"].signal()
    return signal_of(reply, account)
