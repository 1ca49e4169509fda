"""Parses strict JSON: only what every database and every other parser reads in the same way."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

from relay.ingest.names import shown_name

MAX_DEPTH = 64
MIN_INT, MAX_INT = -(2**63), 2**63 - 1
MAX_DIGITS, MAX_EXPONENT = 400, 400
# Matches a string, closed or not, as a whole and without backtracking, so that its brackets do not count.
TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|([\[{])|([\]}])', re.DOTALL)
FORBIDDEN_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


class NotStrict(ValueError):
    """The text is not strict JSON; ``str()`` says why."""


def loads(raw: bytes) -> Any:
    """Parse strict JSON: UTF-8, no NaN or Infinity, no duplicate keys, no NUL, no lone surrogates,
    depth at most 64, integers within 64 bits.  Raises NotStrict.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise NotStrict(f"The body is not UTF-8 (byte {exc.start}).") from exc
    if raw.startswith(b"\xef\xbb\xbf"):
        raise NotStrict("The body begins with a byte order mark. Leave it out.")
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
        check_depth(raw)
    try:
        value = DECODER.decode(text)
    except NotStrict:
        raise
    except json.JSONDecodeError as exc:
        raise NotStrict(
            f"The body is not JSON: {exc.msg} (line {exc.lineno}, column {exc.colno})."
        ) from exc
    except (ValueError, RecursionError) as exc:
        raise NotStrict("The body is nested too deep or holds a number that is too long.") from exc
    if FORBIDDEN_ESCAPE.search(raw):
        check_texts(value)
    return value


def check_depth(raw: bytes) -> None:
    """Raises NotStrict.  Runs before the parser, which recurses: threads have small stacks."""
    depth = 0
    for token in TOKENS.finditer(raw):
        if token.lastindex == 1:
            depth += 1
            if depth > MAX_DEPTH:
                raise NotStrict(f"The body is nested deeper than {MAX_DEPTH} levels.")
        elif token.lastindex == 2:
            depth -= 1


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        repeated = next(name for name, count in counts.items() if count > 1)
        raise NotStrict(f"The key {shown_name(repeated)!r} appears twice in one object.")
    return value


def _constant(name: str) -> Any:
    raise NotStrict(f"{name} is not JSON.")


def _int(text: str) -> int:
    if len(text) > 20 or not MIN_INT <= int(text) <= MAX_INT:
        raise NotStrict("An integer does not fit into 64 bits.")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NotStrict("A number is too large.")
    exponent = text.lower().partition("e")[2]
    # Written without an exponent, as people read it, a number must stay short.
    if len(text) > MAX_DIGITS or len(exponent) > 5 or abs(int(exponent or 0)) > MAX_EXPONENT:
        raise NotStrict("A number has too many digits, or an exponent that is too large.")
    return value


DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_constant=_constant, parse_int=_int, parse_float=_float
)


def check_texts(value: Any) -> None:
    """Raises NotStrict for NUL and lone surrogates, in keys and values at any depth."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            _check_text(item)
        elif isinstance(item, dict):
            pending += item.keys()
            pending += item.values()
        elif isinstance(item, list):
            pending += item


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise NotStrict("A text contains the character NUL, which databases cannot store.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as exc:
        raise NotStrict("A text contains half of a surrogate pair.") from exc
