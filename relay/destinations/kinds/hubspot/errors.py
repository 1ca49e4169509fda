"""What an answer of HubSpot means, from its own words first."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from relay.destinations.kinds.hubspot import limits
from relay.destinations.kinds.hubspot.known_errors import (
    CATEGORIES,
    DAILY,
    FIELD_ERRORS,
    FORM_ERRORS,
    MOMENT_S,
    STATUSES,
)
from relay.destinations.kinds.hubspot.parsing import body_of, object_at, objects, texts
from relay.destinations.outcomes.http import classify
from relay.destinations.outcomes.known_errors import ErrorAction, KnownError
from relay.rules.lifecycle import Held, Refused, Signal
from relay.transport.request import Reply, retry_after_s

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
        for one in objects(listed):
            if one.get("name"):
                yield FieldError(str(one["name"])[:100], str(one.get("error", ""))[:60])
    elif found := IN_MESSAGE.search(message):
        yield FieldError(found[1], "PROPERTY_DOESNT_EXIST")
    for one in objects(error.get("errors")):
        named = texts(object_at(one, "context").get("propertyName"))
        if named and not IN_MESSAGE.search(str(one.get("message"))):
            yield FieldError(named[0][:100], str(one.get("code", ""))[:60])
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
    if known is None or (reply.status >= 500 and known.verdict is not ErrorAction.RETRY):
        known = STATUSES.get(reply.status)
    return _signal(known, error, reply)


def _signal(known: KnownError | None, error: Mapping[str, Any], reply: Reply) -> Signal:
    if (known is None or known.verdict is ErrorAction.FIX) and (named := field_errors(error)):
        return named[0].signal()
    if known is None:
        return classify(reply)
    if known.verdict in (ErrorAction.FIX, ErrorAction.PAUSE):
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
    for one in objects(error.get("errors")):
        if known := FORM_ERRORS.get(str(one.get("errorType"))):
            named = FORM_FIELD.search(str(one.get("message", "")))
            return known.signal(field=named[1] if named else "")
    if reply.status == 404:
        return FORM_ERRORS["FORM_NOT_FOUND"].signal()
    return signal_of(reply, account)
