"""What HubSpot accepts as the value of a property, each rule with the page that documents it.

``problem_of(property, value)`` is the refusal of one value as HubSpot words it, or None.  Where a page
is silent, the rule here is the stricter reading: a value that it accepts is documented as accepted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

MAX_TEXT = 65_536
DAY_MS = 86_400_000
LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
COMMON_DOMAINS = {"com", "org", "net", "info", "biz", "shop", "store", "online", "app", "dev"}

Problem = dict[str, Any]


def problem(name: str, word: str, message: str) -> Problem:
    """One entry of the list in the message "Property values were not valid".

    Source: https://developers.hubspot.com/changelog/upcoming-property-validations-rules-will-be-enforced-for-apis-and-integrations
    """
    return {"isValid": False, "message": message, "error": word, "name": name}


def problem_of(property_: Mapping[str, Any], value: Any) -> Problem | None:
    """Why HubSpot refuses this value of this property, or None.  An empty text clears the property."""
    name, kind = property_["name"], property_["type"]
    if property_["modificationMetadata"]["readOnlyValue"]:
        return read_only(name)
    if not isinstance(value, str):
        return problem(name, "INVALID_STRING", f"{value!r} is not a text")
    if not value:
        return None
    if name == "email":
        return email(name, value)
    if kind == "string":
        return text(name, value)
    if trimmed := whitespace(name, value):
        return trimmed
    checks = {"date": day, "datetime": moment, "number": number, "bool": yes_no}
    if kind == "enumeration":
        return options(property_, value)
    return checks[kind](name, value)


def unknown(name: str) -> Problem:
    """A property that the account does not have.

    Source: https://developers.hubspot.com/docs/api-reference/latest/error-handling
    """
    return problem(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')


def read_only(name: str) -> Problem:
    """A property that only HubSpot sets, marked by ``modificationMetadata.readOnlyValue``.

    Source: https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide
    """
    return problem(
        name, "READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.'
    )


def whitespace(name: str, value: str) -> Problem | None:
    """A value that is not text must not begin or end with a space or an invisible character.

    Source: https://developers.hubspot.com/changelog/breaking-change-enhanced-validations-for-non-string-properties-in-hubspots-crmobject-apis
    """
    ends = value[0] + value[-1]
    if any(one.isspace() or unicodedata.category(one) in ("Cf", "Cc") for one in ends):
        message = f'"{value}" includes leading or trailing whitespace.'
        return problem(name, "LEADING_TRAILING_WHITESPACE", message)
    return None


def text(name: str, value: str) -> Problem | None:
    """A text of at most 65,536 characters, counted here as Java does: an emoji counts as two.

    Source: https://knowledge.hubspot.com/properties/property-field-types-in-hubspot
    """
    if len(value.encode("utf-16-le")) // 2 > MAX_TEXT:
        return problem(
            name, "PROPERTY_VALUE_TOO_LONG", f"Value is longer than {MAX_TEXT} characters"
        )
    return None


def day(name: str, value: str) -> Problem | None:
    """A date: YYYY-MM-DD, or midnight UTC in milliseconds since 1970.

    Sources: https://developers.hubspot.com/docs/faq/how-should-timestamps-be-formatted-for-hubspots-apis,
    https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide
    """
    if re.fullmatch(r"-?[0-9]{1,15}", value):
        if int(value) % DAY_MS:
            return problem(name, "INVALID_DATE", f"{value} is not midnight!")
        return None
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) and _is(date.fromisoformat, value):
        return None
    return problem(name, "INVALID_LONG", f"{value} was not a valid long.")


def moment(name: str, value: str) -> Problem | None:
    """A date and time: ISO 8601 with an offset, or milliseconds since 1970.

    Source: https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide
    """
    if re.fullmatch(r"-?[0-9]{1,15}", value):
        return None
    full = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
    if re.fullmatch(full, value) and _is(datetime.fromisoformat, value):
        return None
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) and _is(date.fromisoformat, value):
        return None
    return problem(name, "INVALID_LONG", f"{value} was not a valid long.")


def _is(parse: Any, value: str) -> bool:
    try:
        parse(value)
    except ValueError:
        return False
    return True


def number(name: str, value: str) -> Problem | None:
    """Digits with at most one decimal point: no exponent, no grouping, no sign of a currency.

    Source: https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide
    """
    if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):
        return None
    return problem(name, "INVALID_NUMBER", f"{value} was not a valid number.")


def yes_no(name: str, value: str) -> Problem | None:
    """Only ``true`` and ``false``.

    Source: https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide
    """
    if value in ("true", "false"):
        return None
    return problem(
        name, "INVALID_OPTION", f"{value} was not one of the allowed options: [true, false]"
    )


def options(property_: Mapping[str, Any], value: str) -> Problem | None:
    """The internal value of an option; for checkboxes several, separated by semicolons.

    Labels are refused, also in another case.  Source:
    https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide
    """
    allowed = [option["value"] for option in property_["options"]]
    several = property_["fieldType"] == "checkbox"
    for one in value.split(";") if several else [value]:
        if one not in allowed:
            message = f"{one} was not one of the allowed options: {allowed}"
            return problem(property_["name"], "INVALID_OPTION", message)
    return None


def email(name: str, value: str) -> Problem | None:
    """An address as in RFC 2822, without a quoted local part and with a real top-level domain.

    Two dots in a row and a dot at an end are no atoms of RFC 2822.  Source:
    https://legacydocs.hubspot.com/docs/faq/how-does-hubspot-validate-email-addresses
    """
    local, at, domain = value.rpartition("@")
    labels = domain.split(".")
    is_valid = (
        at
        and LOCAL_PART.fullmatch(local)
        and len(labels) > 1
        and all(LABEL.fullmatch(_ascii(label)) for label in labels)
        and (
            len(labels[-1]) == 2 or labels[-1].lower() in COMMON_DOMAINS or not labels[-1].isascii()
        )
        and not labels[-1].isdigit()
    )
    return None if is_valid else problem(name, "INVALID_EMAIL", f"Email address {value} is invalid")


def _ascii(label: str) -> str:
    try:
        return label.encode("idna").decode()
    except UnicodeError:
        return ""
