"""Converts a value of an event to the type of a destination's field.  Pure.

``number`` becomes an int or a decimal with the same digits, ``day`` ISO text of a day, ``date`` ISO
text of a day or of a moment with its offset, ``yes_no`` a bool, ``choice`` the value of one of the
choices, ``choices`` a list of such values, ``email`` and texts a str; ``any`` leaves the value as it
is.  A kind then encodes it for its service.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from relay.exact_json import PlainDecimal
from relay.i18n import _
from relay.mapping import written
from relay.mapping.written import InputFormat, Number

Choices = Sequence[tuple[str, str]]
PLAIN_TYPES = (str, int, float, Decimal)
SEPARATOR = re.compile(r"([;,|\n])")
LONGEST_LIST = 10_000  # characters of a text with several choices


class PartlyFits(ValueError):
    """Some of several choices do not fit: ``left_out``.  ``value`` has those that do."""

    def __init__(self, reason: str, value: list[str], left_out: str):
        super().__init__(reason)
        self.value, self.left_out = value, left_out


def convert(
    value: Any,
    type_: str,
    choices: Choices = (),
    input_format: InputFormat = written.BY_A_PROGRAM,
) -> Any:
    """``value`` as ``type_``.  Raises ValueError with the reason, such as "is not a number"."""
    if type_ == "any":
        return value
    if isinstance(value, str):
        value = value if type_ in ("text", "long_text") else value.strip()
    if type_ == "number":
        return _number(value, input_format)
    if type_ == "yes_no":
        return _yes_no(value)
    if type_ in ("date", "day"):
        return _date(value, type_, input_format)
    if type_ == "choices" and choices:
        return _choices(value, choices)
    text = _text(value)
    if type_ == "email":
        return written.email_of(text)
    return _choice(text, choices) if type_ == "choice" and choices else text


def _number(value: Any, input_format: InputFormat) -> Number:
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return PlainDecimal(repr(value))
    if isinstance(value, Decimal) and value.is_finite():
        return PlainDecimal(value)
    if not isinstance(value, str):
        raise ValueError(_("is not a number"))
    return written.number_of(value, input_format)


def _yes_no(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, list) and len(value) == 1:  # a form's only checkbox
        return _yes_no(value[0])
    return written.yes_no_of(str(value) if isinstance(value, str | int) else "")


def _date(value: Any, type_: str, input_format: InputFormat) -> str:
    if not isinstance(value, str):
        raise ValueError(_(written.NO_DATE))
    found = written.date_of(value, input_format)
    if type_ == "day" and isinstance(found, datetime):
        found = found.date()  # the day as it was written, in whatever zone
    return found.isoformat()


def _choices(value: Any, choices: Choices) -> list[str]:
    """The values of several choices.  Raises PartlyFits if only some fit."""
    found, wrong = [], []
    for part in value if isinstance(value, list) else _split(_text(value), choices):
        try:
            found.append(_choice(_text(part), choices))
        except ValueError:
            wrong.append(part)
    values = list(dict.fromkeys(found))
    reason = _("is not one of its options (%(options)s)", options=_first(choices))
    if wrong and not values:
        raise ValueError(reason)
    if wrong:
        raise PartlyFits(reason, values, _text(wrong))
    return values


def _split(text: str, choices: Choices) -> list[str]:
    """The items of a text with commas, semicolons or lines.  A label may contain a comma itself."""
    known = {written.same_choice(each) for choice in choices for each in choice}
    parts = SEPARATOR.split(text[:LONGEST_LIST])
    found, at = [], 0
    while at < len(parts):
        ends = range(min(len(parts), at + 9), at, -2)  # a label has at most four commas
        joined = ("".join(parts[at:end]) for end in ends)
        match = next((one for one in joined if written.same_choice(one) in known), parts[at])
        found.append(match.strip())
        at += 2 * (len(SEPARATOR.findall(match)) + 1)
    return [one for one in found if one]


def _choice(text: str, choices: Choices) -> str:
    """The value of the choice with that value, or else with that label."""
    wanted = written.same_choice(text)
    for position in (0, 1):
        for choice in choices:
            if written.same_choice(choice[position]) == wanted:
                return choice[0]
    raise ValueError(_("is not one of its options (%(options)s)", options=_first(choices)))


def _first(choices: Choices) -> str:
    return ", ".join(label for _, label in choices[:5]) + (", …" if len(choices) > 5 else "")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and math.isfinite(value):
        return str(PlainDecimal(repr(value)))
    if isinstance(value, PLAIN_TYPES):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, PLAIN_TYPES) for item in value):
        return ", ".join(map(_text, value))
    raise ValueError(_("has several fields and is not a text; use a text with one of its fields"))
