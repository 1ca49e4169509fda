"""The outcome of a response from HubSpot, by its own error codes first."""

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
    DEFAULT_WAIT_S,
    FIELD_ERRORS,
    FORM_ERRORS,
    STATUSES,
)
from relay.destinations.kinds.hubspot.parsing import body_of, object_at, objects, texts
from relay.destinations.outcomes.http import classify
from relay.destinations.outcomes.known_errors import ErrorAction, KnownError
from relay.i18n import _
from relay.rules.lifecycle import Held, Refused, Signal
from relay.stored_text import translated
from relay.transport.request import Reply, retry_after_s

FORM_FIELD = re.compile(r"'fields\.([A-Za-z0-9_]{1,100})'")
UNKNOWN_PROPERTY = re.compile(r'Property \\?"([A-Za-z0-9_]{1,100})\\?" does not exist')


@dataclass(frozen=True)
class FieldError:
    """An error of one field; ``reason`` is HubSpot's code for it, or empty.  ``message`` is its text."""

    name: str
    reason: str
    message: str = ""

    @property
    def is_of_the_account(self) -> bool:
        """Whether the account never takes this field, so that it concerns every record."""
        return self.code in ("unknown_property", "read_only_property")

    def quotes(self, value: str) -> bool:
        """Whether HubSpot's text contains this value."""
        return bool(value) and value in self.message

    def reason_for(self, value: str) -> str:
        """Why a note says that this value was left out."""
        reported = (
            _("it reports %(reason)s", reason=self.reason)
            if self.reason
            else _("it reports no reason")
        )
        known = FIELD_ERRORS.get(self.reason, ("", ""))[1]
        why = translated(known).partition(". ")[0].rstrip(".") if known else reported
        if self.is_of_the_account:
            return _("HubSpot does not accept this field: %(why)s", why=why)
        shown = value if len(value) <= 60 else value[:59] + "…"
        return _("HubSpot does not accept “%(value)s”: %(why)s", value=shown, why=why)

    @property
    def code(self) -> str:
        return FIELD_ERRORS.get(self.reason, ("bad_value", ""))[0]

    def signal(self) -> Refused:
        reported = (
            _("HubSpot reports %(reason)s. Compare it with the mapping.", reason=self.reason)
            if self.reason
            else _("HubSpot gives no reason. Compare it with the mapping.")
        )
        code, known = FIELD_ERRORS.get(self.reason, ("bad_value", ""))
        said = {"name": self.name, "why": translated(known) if known else reported}
        sentence = (
            _("HubSpot does not accept the field %(name)s: %(why)s", **said)
            if code == "unknown_property"
            else _("HubSpot does not accept the value of the field %(name)s: %(why)s", **said)
        )
        return Refused(code, sentence, field=self.name)


def field_errors(error: Mapping[str, Any]) -> list[FieldError]:
    """The fields that an error names, in its message or in the errors and contexts within it."""
    return list(dict.fromkeys(_field_errors(error)))


def _field_errors(error: Mapping[str, Any]) -> Iterator[FieldError]:
    message = str(error.get("message", ""))
    start = message.find("[{")
    if start >= 0:
        try:
            listed = json.loads(message[start : message.rfind("]") + 1])
        except (ValueError, RecursionError):
            listed = []
        for field in objects(listed):
            if field.get("name"):
                yield FieldError(
                    str(field["name"])[:100],
                    str(field.get("error", ""))[:60],
                    str(field.get("message", ""))[:2000],
                )
    elif found := UNKNOWN_PROPERTY.search(message):
        yield FieldError(found[1], "PROPERTY_DOESNT_EXIST")
    for inner in objects(error.get("errors")):
        named = texts(object_at(inner, "context").get("propertyName"))
        if named and not UNKNOWN_PROPERTY.search(str(inner.get("message"))):
            text = str(inner.get("message", ""))[:2000]
            yield FieldError(named[0][:100], str(inner.get("code", ""))[:60], text)
        else:
            yield from _field_errors(inner)


def signal_of(reply: Reply, account: Mapping[str, Any]) -> Signal:
    """The outcome of a response: by HubSpot's error category first, then by its status."""
    if reply.error is not None or reply.status is None or reply.status < 300:
        return classify(reply)
    error = body_of(reply)
    if reply.status == 429:
        return too_many(reply, error, account)
    known = CATEGORIES.get(str(error.get("category"))) or STATUSES.get(reply.status)
    if known is None or (reply.status >= 500 and known.action is not ErrorAction.RETRY):
        known = STATUSES.get(reply.status)
    return _signal(known, error, reply)


def _signal(known: KnownError | None, error: Mapping[str, Any], reply: Reply) -> Signal:
    if (known is None or known.action is ErrorAction.FIX) and (named := field_errors(error)):
        return named[0].signal()
    if known is None:
        return classify(reply)
    if known.action in (ErrorAction.FIX, ErrorAction.PAUSE):
        return known.signal()
    return known.signal(retry_after_s(reply) or DEFAULT_WAIT_S.get(reply.status or 0))


def record_signal(error: Mapping[str, Any], reply: Reply) -> Signal:
    """The outcome of one record in a batch response."""
    if named := field_errors(error):
        return named[0].signal()
    known = CATEGORIES.get(str(error.get("category")), CATEGORIES["VALIDATION_ERROR"])
    return known.signal()


def too_many(reply: Reply, error: Mapping[str, Any], account: Mapping[str, Any]) -> Held:
    """A hold, because the quota of the day or of the short interval is used up.  Costs no attempt."""
    policy = str(error.get("policyName") or "").upper()
    if "DAILY" in policy or (not policy and limits.number(reply, "Daily-Remaining") == 0):
        return Held(DAILY.code, DAILY.sentence, limits.until_midnight_s(reply, account))
    wait_s = max(retry_after_s(reply) or 0.0, limits.interval_s(reply))
    return Held("rate_limited", CATEGORIES["RATE_LIMITS"].sentence, wait_s)


def form_signal(reply: Reply, account: Mapping[str, Any]) -> Signal:
    """The outcome of a response to a form submission."""
    if reply.status not in (400, 403, 404):
        return signal_of(reply, account)
    for error in objects(body_of(reply).get("errors")):
        if known := FORM_ERRORS.get(str(error.get("errorType"))):
            named = FORM_FIELD.search(str(error.get("message", "")))
            return known.signal(field=named[1] if named else "")
    if reply.status == 404:
        return FORM_ERRORS["FORM_NOT_FOUND"].signal()
    return signal_of(reply, account)
