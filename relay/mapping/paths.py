"""Paths of values in an event: their value and their label.  Standard library only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MAX_KEYS = 12


EACH = "[]"  # in a path: each item of a list


def value_at(scope: Any, path: Iterable[str]) -> Any:
    """The value at a path such as ``["data", "fields", "E-mail"]``; None if there is none.

    ``["data", "items", "[]", "name"]`` is the list of the names.
    """
    keys = list(path)
    for number, key in enumerate(keys):
        if key == EACH:
            rest = keys[number + 1 :]
            return [value_at(item, rest) for item in scope] if isinstance(scope, list) else None
        if isinstance(scope, Mapping):
            scope = scope.get(key)
        elif isinstance(scope, list) and key.isascii() and key.isdigit() and int(key) < len(scope):
            scope = scope[int(key)]
        else:
            return None
    return scope


def readable_path(path: Sequence[str]) -> str:
    """The path as words for a sentence, such as ``customer email`` or ``E-mail``."""
    keys = [key for key in path if key != EACH] or [""]
    if keys[0] == "data" and len(keys) > 1:
        keys = keys[1:]
    if keys[0] == "fields" and len(keys) > 1:
        keys = keys[1:]
    if keys[0] == "ai":
        keys[0] = "AI"
    return " ".join(key.replace("_", " ") for key in keys)


def as_text(path: Sequence[str]) -> str:
    """The path as the value of a form field."""
    return json.dumps(list(path), ensure_ascii=False, separators=(",", ":"))


def from_text(text: str) -> list[str]:
    """A path from ``as_text``; an empty path if the text is invalid."""
    try:
        path = json.loads(text)
    except (ValueError, RecursionError):
        return []
    is_path = isinstance(path, list) and all(isinstance(key, str) for key in path)
    return path if is_path and len(path) <= MAX_KEYS else []
