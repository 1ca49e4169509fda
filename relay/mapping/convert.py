"""Converts a value of an event to the type of a destination's field.  Pure.

``number`` becomes an int or float, ``date`` ISO text (a day, or a timestamp with its offset),
``yes_no`` a bool, ``choice`` the value of one of the choices, ``choices`` a list of such values,
``email`` and texts a str; ``any`` leaves the value as it is.  A kind then encodes it for its service.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from relay.exact_json import PlainDecimal
from relay.mapping.operators import NO, YES, as_time

NUMBER = re.compile(r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})")
EMAIL = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+\.[^\s@<>,;.]+")


def convert(value: Any, type_: str, choices: Sequence[tuple[str, str]] = ()) -> Any:
    """``value`` as ``type_``.  Raises ValueError with the reason, such as "is not a number"."""
    if type_ == "any":
        return value
    if isinstance(value, str):
        value = value if type_ in ("text", "long_text") else value.strip()
    if type_ == "number":
        return _number(value)
    if type_ == "yes_no":
        return _yes_no(value)
    if type_ == "date":
        return _date(value)
    if type_ == "choices" and choices:
        return [_choice(_text(part).strip(), choices) for part in _split_choices(value, choices)]
    text = _text(value)
    if type_ == "email" and not EMAIL.fullmatch(text):
        raise ValueError("is not an e-mail address")
    if type_ == "choice" and choices:
        return _choice(text, choices)
    return text


def _number(value: Any) -> int | float | PlainDecimal:
    """The digits stay as they were written."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float | PlainDecimal):
        return value
    if not isinstance(value, str) or not NUMBER.fullmatch(value):
        raise ValueError("is not a number")
    return PlainDecimal(value) if "." in value else int(value)


def _yes_no(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).lower() if isinstance(value, str | int) else ""
    if word not in YES + NO:
        raise ValueError("is neither yes nor no")
    return word in YES


def _date(value: Any) -> str:
    found = as_time(value)
    if found is None:
        raise ValueError("is not a date such as 2026-03-01 or 2026-03-01T12:00:00Z")
    return found.isoformat()


def _split_choices(value: Any, choices: Sequence[tuple[str, str]]) -> list[Any]:
    """The items of a list, or of a text with commas or semicolons that is not itself a choice."""
    if not isinstance(value, str):
        return value if isinstance(value, list) else [value]
    if any(value.casefold() in (name.casefold(), label.casefold()) for name, label in choices):
        return [value]
    return [part for part in re.split(r"[;,\n]", value) if part.strip()]


def _choice(text: str, choices: Sequence[tuple[str, str]]) -> str:
    for value, label in choices:
        if text.casefold() in (value.casefold(), label.casefold()):
            return value
    first = ", ".join(label for _, label in choices[:5])
    raise ValueError(f"is not one of its options ({first}{', …' if len(choices) > 5 else ''})")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return ", ".join(map(_text, value))
    raise ValueError("has several fields and is not a text; use a text with one of its fields")
