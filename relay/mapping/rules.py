"""A mapping in work: what each of a destination's fields is filled with.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from relay.mapping.templates import render


def value_at(scope: Any, path: Iterable[str]) -> Any:
    """What stands at a path such as ``["data", "fields", "E-mail"]``; None where nothing does."""
    for key in path:
        if isinstance(scope, Mapping):
            scope = scope.get(key)
        elif isinstance(scope, list) and key.isascii() and key.isdigit() and int(key) < len(scope):
            scope = scope[int(key)]
        else:
            return None
    return scope


def fill(
    rules: Mapping[str, Mapping[str, Any]], scope: Mapping[str, Any], escape: bool = True
) -> dict[str, Any]:
    """The value of each target, by name; what came out empty is its default, or left out.

    ``escape`` as in ``render``.  ``rules`` are as ``relay.destinations.base.Rule`` says.  Raises Undeliverable.
    """
    filled = {}
    for target, rule in rules.items():
        if "text" in rule:
            value: Any = render(rule["text"], scope, escape)
        else:
            value = value_at(scope, rule["path"])
        if value is None or value == "":
            value = rule.get("default")
        if value is not None and value != "":
            filled[target] = value
    return filled
