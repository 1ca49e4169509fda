"""Finds a person's data in the answers of a form.  Pure: standard library only.

The types that the site sends for its fields (``data.types``) come first.  Without them, whole words of
the labels in many languages (``lead_words``) and the form of the values decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from relay.mapping.lead_words import MAX_LABEL, fit, is_about_another_person
from relay.mapping.people import PHONE_DIGITS, email_in, email_within, name_in, phone_in, split_name
from relay.mapping.printing import plain_text

# The types of form fields that an event can name, and what each is.
FIELD_TYPES = {
    "email": "an e-mail address",
    "tel": "a phone number",
    "name": "a whole name",
    "first_name": "a first name",
    "last_name": "a last name",
    "company": "the name of a company",
    "text": "a short text",
    "textarea": "a text of several lines",
    "choice": "one of a list",
    "choices": "several of a list",
    "number": "a number",
    "date": "a date",
    "consent": "a consent, yes or no",
    "url": "a web address",
    "file": "a file",
}
TYPE_OF = {
    "email": "email",
    "phone": "tel",
    "name": "name",
    "first_name": "first_name",
    "last_name": "last_name",
    "company": "company",
    "message": "textarea",
}
PLAIN_TYPES = ("", "text")  # the label decides what such a field is
MORE_TYPES = {"phone": ("number",), "message": ("textarea",), "company": ("choice",)}
YES = frozenset("yes y ja j oui si sí sì sim tak ano true on 1 x".split())
NO = frozenset("no n nein non nee nao não nie nej ne nei false off 0".split())
TYPED, EXACT, MENTIONED = 3, 2, 1


def answers(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The answers as ``(label, value)``; the parts of a compound answer are answers of their own."""
    fields = data.get("fields")
    for label, value in fields.items() if isinstance(fields, Mapping) else ():
        if isinstance(value, Mapping):
            yield from ((f"{label} {part}", inner) for part, inner in value.items())
        else:
            yield str(label), value


def _type_of(data: Mapping[str, Any], label: str) -> str:
    """The type that the site sends for a field; empty if there is none, or an unknown one."""
    types = data.get("types")
    found = types.get(label) if isinstance(types, Mapping) else None
    return found if isinstance(found, str) and found in FIELD_TYPES else ""


def candidates(data: Mapping[str, Any], role: str) -> list[tuple[int, str, Any]]:
    """The answers that can have a role, as ``(strength, label, value)``, the best first."""
    found = []
    allowed = (*PLAIN_TYPES, *MORE_TYPES.get(role, ()))
    for label, value in answers(data):
        type_ = _type_of(data, label)
        # cut, so that no event fills the memory of the cache
        strength = fit(label[:MAX_LABEL], role) if type_ in allowed else 0
        if type_ and type_ == TYPE_OF[role]:
            strength += TYPED
        if strength:
            found.append((strength, label, value))
    return sorted(found, key=lambda one: -one[0])


def _first(data: Mapping[str, Any], role: str, read: Callable[[Any], str]) -> str:
    """The first answer with a role that ``read`` accepts; else empty."""
    texts = (read(value) for _, label, value in candidates(data, role) if _is_own(label))
    return next(filter(None, texts), "")


def _is_own(label: str) -> bool:
    return not is_about_another_person(label[:MAX_LABEL])


def email(data: Mapping[str, Any]) -> str:
    """The e-mail address of the person.

    If a field for it has no valid address, its text, so that a delivery can say what is wrong.
    """
    named = [one for one in candidates(data, "email") if _is_own(one[1])]
    for strength, _, value in named:
        if address := email_in(value) or (email_within(value) if strength >= EXACT else ""):
            return address
    for label, value in answers(data):
        if _is_own(label) and (address := email_in(value)):
            return address
    texts = (plain_text(value).strip() for _, _, value in named)
    return next((text for text in texts if "@" in text), "")


def phone(data: Mapping[str, Any]) -> str:
    """The phone number.  Where the field is for it without doubt, a short number will do."""
    for strength, label, value in candidates(data, "phone"):
        found = phone_in(value, 1 if strength >= EXACT else PHONE_DIGITS)
        if found and _is_own(label):
            return found
    return ""


def company(data: Mapping[str, Any]) -> str:
    return _first(data, "company", _a_name)


def message(data: Mapping[str, Any]) -> str:
    """The text of the field for it, else of the first field with several lines."""
    return _first(data, "message", lambda value: plain_text(value).strip())


def _a_name(value: Any) -> str:
    """A value as a name; empty for an address, a number, and yes or no."""
    name = name_in(value)
    return "" if name.lower() in YES | NO else name


def full_name(data: Mapping[str, Any]) -> str:
    """The whole name, from one field or from its parts."""
    parts = _part(data, "first_name"), _part(data, "last_name")
    whole = _first(data, "name", _a_name)
    if all(parts) or not whole:
        return " ".join(filter(None, parts))
    first, last = parts
    if first and first not in whole:
        return f"{first} {whole}"
    return f"{whole} {last}" if last and last not in whole else whole


def first_name(data: Mapping[str, Any]) -> str:
    """The field for it, else the first part of a whole name."""
    if first := _part(data, "first_name"):
        return first
    if parts := _parts_of_name(data):
        return _a_name(parts.get("first_name"))
    whole, last = _first(data, "name", _a_name), _part(data, "last_name")
    if last:  # beside a field for the last name, a field "Name" is for the rest
        return whole.removesuffix(last).strip() if whole != last else ""
    return split_name(whole)[0]


def last_name(data: Mapping[str, Any]) -> str:
    """The field for it, else the last part of a whole name."""
    if last := _part(data, "last_name"):
        return last
    if parts := _parts_of_name(data):
        return _a_name(parts.get("last_name"))
    whole, first = _first(data, "name", _a_name), _part(data, "first_name")
    if first:  # beside a field for the first name, a field "Name" is for the rest
        return whole.removeprefix(first).strip() if whole != first else ""
    return split_name(whole)[1]


def _part(data: Mapping[str, Any], role: str) -> str:
    return _first(data, role, _a_name)


def _parts_of_name(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parts that the site sends beside a whole name (``data.parts``); else empty."""
    parts = data.get("parts")
    if not isinstance(parts, Mapping):
        return {}
    for _, label, _ in candidates(data, "name"):
        found = parts.get(label)
        if _is_own(label) and isinstance(found, Mapping):
            return found
    return {}


def consent(data: Mapping[str, Any]) -> bool | None:
    """Whether the person agreed; None if the form did not ask."""
    given = _yes_or_no(data.get("consent"))
    if given is not None:
        return given
    asked = [_yes_or_no(v) is True for n, v in answers(data) if _type_of(data, n) == "consent"]
    return all(asked) if asked else None


def _yes_or_no(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    word = plain_text(value).strip().lower() if isinstance(value, str | int) else ""
    return True if word in YES else False if word in NO else None


def all_answers(data: Mapping[str, Any]) -> str:
    """All answers, one ``Label: value`` per line, without the empty ones."""
    lines = ((label, plain_text(value).strip()) for label, value in answers(data))
    return "\n".join(f"{label}: {text}" for label, text in lines if text)
