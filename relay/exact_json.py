"""JSON with numbers that keep all their digits: ``0.10`` stays ``0.10``, and nothing becomes ``1e-05``.

Python reads a number with a decimal point as a binary fraction, which has about 16 digits and drops
zeros at the end.  An amount of money must not pass through one.  Standard library only.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

MAX_EXPONENT_DIGITS, MAX_DIGITS = 4, 2000  # of a number, including the minus of its exponent
MARKED = re.compile(r'"\\u0000(-?[0-9.]+)\\u0000"')


class PlainDecimal(Decimal):
    """A decimal that is always written in digits, never with an exponent."""

    def __str__(self) -> str:
        return format(self, "f")

    def __format__(self, spec: str, /, *context: Any) -> str:
        return super().__format__(spec or "f", *context)


def loads(text: str, pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """Like ``json.loads``, with a PlainDecimal for each number that has a point or an exponent.

    ``pairs_hook`` makes an object of its pairs.  Raises ValueError, also for NaN and Infinity, and RecursionError.
    """
    return json.loads(
        text, parse_float=_decimal, parse_constant=_refuse, object_pairs_hook=pairs_hook
    )


def _decimal(text: str) -> PlainDecimal:
    """A number with all its digits, or without those that a float does not have either.

    Without its exponent, a number such as 1e-99999999 would be very long; it is as good as 0.  Raises
    ValueError for a number that is too large.
    """
    exponent = text.lower().partition("e")[2]
    if len(exponent) <= MAX_EXPONENT_DIGITS and len(text) <= MAX_DIGITS:
        return PlainDecimal(text)
    short = float(text)
    if not math.isfinite(short):
        raise ValueError("a number in it is too large")
    return PlainDecimal(repr(short))


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def dumps(value: Any, *, indent: int | None = None, spaced: bool = False) -> str:
    """JSON with each number in its own digits, compact unless ``indent`` or ``spaced`` is given.

    Raises ValueError for NaN, TypeError for what JSON does not have.
    """
    text = json.dumps(
        value,
        ensure_ascii=False,
        allow_nan=False,
        indent=indent,
        separators=(", " if spaced and not indent else ",", ": " if indent or spaced else ":"),
        default=_marked,
    )
    return MARKED.sub(r"\1", text)


def _marked(value: Any) -> str:
    """A decimal as a text that ``dumps`` finds again: no stored text contains the character NUL."""
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} is not JSON")
    if not value.is_finite():
        raise ValueError("NaN and Infinity are not JSON")
    return f"\x00{value:f}\x00"
