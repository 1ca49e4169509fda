"""JSON with numbers exactly as they were written: ``19.90`` stays ``19.90``.

A float cannot hold every decimal, and it does not keep the zeros at the end.  Standard library only.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class ExactFloat(float):
    """A number that also keeps its text.  It computes as a float, and is printed as it was written."""

    text: str

    def __new__(cls, text: str) -> ExactFloat:
        made = super().__new__(cls, text)
        made.text = text if NUMBER.fullmatch(text) else f"{Decimal(text):f}"
        return made

    def __str__(self) -> str:
        return self.text


def loads(text: str) -> Any:
    """Parse JSON; numbers with a decimal point keep their text.  Raises ValueError, RecursionError."""
    return DECODER.decode(text)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


DECODER = json.JSONDecoder(parse_float=ExactFloat, parse_constant=_refuse)


def dumps(value: Any) -> str:
    """Compact JSON.  Raises ValueError for NaN, TypeError for what JSON does not have."""
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        inner = (f"{encode_basestring(str(key))}:{dumps(one)}" for key, one in value.items())
        return f"{{{','.join(inner)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(dumps, value))}]"
    return number(value)


def number(value: Any) -> str:
    """A number as JSON.  Raises ValueError for NaN, TypeError for what is no number."""
    if isinstance(value, ExactFloat):
        return value.text
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float | Decimal) and math.isfinite(value):
        return str(value)
    if isinstance(value, float | Decimal):
        raise ValueError("NaN and Infinity are not JSON")
    raise TypeError(f"{type(value).__name__} is not JSON")
