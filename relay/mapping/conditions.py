"""Which events a subscription wants: by type, and by what stands in their fields.

Pure: the standard library only.  Conditions are stored as
``{"match": "all" | "any", "items": [condition or group, …]}``, a condition as
``{"path": ["data", "total"], "op": "at_least", "value": "500"}``; groups go one level deep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from relay.event_types import INTERNAL_TYPES
from relay.mapping.operators import OPERATORS, is_empty, join_words, quoted_value, split
from relay.mapping.paths import in_words, value_at


def matches_type(patterns: Iterable[str], event_type: str) -> bool:
    """Whether a type is one of ``patterns``: ``*``, ``order.created`` or ``order.*``.

    An internal type matches no pattern.
    """
    return event_type not in INTERNAL_TYPES and any(
        pattern in ("*", event_type)
        or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))
        for pattern in patterns
    )


@dataclass(frozen=True)
class Condition:
    path: tuple[str, ...]
    op: str
    value: str = ""

    def holds(self, scope: Mapping[str, Any]) -> bool:
        return OPERATORS[self.op].test(value_at(scope, self.path), self.value)

    def words(self) -> str:
        """``total is at least 500``."""
        return self._said(in_words(self.path), OPERATORS[self.op].words)

    def why_not(self, scope: Mapping[str, Any]) -> str:
        """``total 120 is not at least 500``, or that there is none."""
        name, value = in_words(self.path), value_at(scope, self.path)
        if is_empty(value):
            return f"it has no {name}"
        if self.op == "is_empty":
            return f"{name} is {quoted_value(value)} and not empty"
        if self.op == "is_not":
            return f"{name} is {quoted_value(value)}"
        return self._said(f"{name} {quoted_value(value)}", OPERATORS[self.op].not_words)

    def _said(self, subject: str, words: str) -> str:
        how_many = OPERATORS[self.op].values
        if how_many == "none":
            return f"{subject} {words}"
        values = split(self.value) if how_many == "many" else [self.value]
        return f"{subject} {words} {join_words([quoted_value(one) for one in values], 'or')}"


@dataclass(frozen=True)
class ConditionGroup:
    """``match`` is ``all`` or ``any``.  A group of nothing holds."""

    match: str = "all"
    items: tuple[Condition | ConditionGroup, ...] = ()

    def holds(self, scope: Mapping[str, Any]) -> bool:
        if not self.items:
            return True
        return (all if self.match == "all" else any)(one.holds(scope) for one in self.items)

    def why_not(self, scope: Mapping[str, Any]) -> str:
        """What stands in the way, as one sentence without its full stop; empty where nothing does."""
        return join_words([one.why_not(scope) for one in self.items if not one.holds(scope)], "and")

    def conditions(self) -> Iterator[Condition]:
        for one in self.items:
            if isinstance(one, ConditionGroup):
                yield from one.conditions()
            else:
                yield one

    def as_json(self) -> dict[str, Any]:
        return {
            "match": self.match,
            "items": [
                one.as_json()
                if isinstance(one, ConditionGroup)
                else {"path": list(one.path), "op": one.op, "value": one.value}
                for one in self.items
            ],
        }


def group_of(stored: Mapping[str, Any] | None) -> ConditionGroup:
    """From what is stored; nothing is a group that takes everything."""
    if not stored:
        return ConditionGroup()
    items: list[Condition | ConditionGroup] = []
    for one in stored["items"]:
        if "items" in one:
            items.append(group_of(one))
        else:
            items.append(Condition(tuple(one["path"]), one["op"], one.get("value", "")))
    return ConditionGroup(stored["match"], tuple(items))
