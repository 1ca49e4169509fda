"""A value of an event as a destination's field wants it.  Pure.

What comes out: ``number`` an int or float, ``date`` ISO text (a day, or an instant with its offset),
``yes_no`` a bool, ``choice`` the value of one of the choices, ``choices`` a list of such values, ``email`` and texts a str; ``any`` leaves
everything as it is.  How a service spells these is its kind's matter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from relay.mapping.operators import NO, YES, as_time

NUMBER = re.compile(r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})")
EMAIL = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+\.[^\s@<>,;.]+")


def convert(value: Any, wanted: str, choices: Sequence[tuple[str, str]] = ()) -> Any:
    """``value`` as a field of type ``wanted``.  Raises ValueError with what is wrong, as "is not a number"."""
    if wanted == "any":
        return value
    if isinstance(value, str):
        value = value if wanted in ("text", "long_text") else value.strip()
    if wanted == "number":
        return _number(value)
    if wanted == "yes_no":
        return _yes_no(value)
    if wanted == "date":
        return _date(value)
    if wanted == "choices" and choices:
        return [_choice(_text(one).strip(), choices) for one in _several(value, choices)]
    text = _text(value)
    if wanted == "email" and not EMAIL.fullmatch(text):
        raise ValueError("is not an e-mail address")
    if wanted == "choice" and choices:
        return _choice(text, choices)
    return text


def _number(value: Any) -> int | float:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str) or not NUMBER.fullmatch(value):
        raise ValueError("is not a number")
    return float(value) if "." in value else int(value)


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


def _several(value: Any, choices: Sequence[tuple[str, str]]) -> list[Any]:
    """The parts of a list, or of a text with semicolons or commas, unless it is one choice as it is."""
    if not isinstance(value, str):
        return value if isinstance(value, list) else [value]
    if any(value.casefold() in (one.casefold(), label.casefold()) for one, label in choices):
        return [value]
    return [part for part in re.split(r"[;,\n]", value) if part.strip()]


def _choice(text: str, choices: Sequence[tuple[str, str]]) -> str:
    for value, label in choices:
        if text.casefold() in (value.casefold(), label.casefold()):
            return value
    few = ", ".join(label for _, label in choices[:5])
    raise ValueError(f"is none of its choices ({few}{', …' if len(choices) > 5 else ''})")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return ", ".join(map(_text, value))
    raise ValueError("holds several fields, not a text; write a text that picks from it")
