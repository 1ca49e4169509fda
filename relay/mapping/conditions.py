"""The conditions of a subscription: event types, and comparisons of fields.

Pure: the standard library only.  Conditions are stored as
``{"match": "all" | "any", "items": [condition or group, …]}``, a condition as
``{"path": ["data", "total"], "op": "at_least", "value": "500"}``; groups go one level deep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from relay.event_types import INTERNAL_TYPES
from relay.i18n import _
from relay.mapping.operators import OPERATORS, is_empty, join_words, quoted_value, split
from relay.mapping.paths import readable_path, value_at


def matches_type(patterns: Iterable[str], event_type: str) -> bool:
    """Whether a type matches one of ``patterns``, such as ``*``, ``order.created`` or ``order.*``.

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
        """The condition as text, such as ``total is at least 500``."""
        return self._phrase(readable_path(self.path), OPERATORS[self.op].words)

    def why_not(self, scope: Mapping[str, Any]) -> str:
        """Why it does not hold, such as ``total 120 is not at least 500``."""
        name, value = readable_path(self.path), value_at(scope, self.path)
        if is_empty(value):
            return _("it has no %(field)s", field=name)
        if self.op == "is_empty":
            return _("%(field)s is %(value)s and not empty", field=name, value=quoted_value(value))
        if self.op == "is_not":
            return _("%(field)s is %(value)s", field=name, value=quoted_value(value))
        return self._phrase(f"{name} {quoted_value(value)}", OPERATORS[self.op].not_words)

    def _phrase(self, subject: str, words: str) -> str:
        how_many = OPERATORS[self.op].values
        if how_many == "none":
            return _("%(field)s %(operator)s", field=subject, operator=_(words))
        values = split(self.value) if how_many == "many" else [self.value]
        said = join_words([quoted_value(value) for value in values], _("or"))
        return _("%(field)s %(operator)s %(value)s", field=subject, operator=_(words), value=said)


@dataclass(frozen=True)
class ConditionGroup:
    """Conditions of which ``all`` or ``any`` must hold (``match``).  An empty group holds."""

    match: str = "all"
    items: tuple[Condition | ConditionGroup, ...] = ()

    def holds(self, scope: Mapping[str, Any]) -> bool:
        if not self.items:
            return True
        return (all if self.match == "all" else any)(item.holds(scope) for item in self.items)

    def why_not(self, scope: Mapping[str, Any]) -> str:
        """The conditions that do not hold, as a sentence without its full stop; empty if all hold."""
        reasons = [item.why_not(scope) for item in self.items if not item.holds(scope)]
        return join_words(reasons, _("and"))

    def conditions(self) -> Iterator[Condition]:
        """All conditions, including those of inner groups."""
        for item in self.items:
            if isinstance(item, ConditionGroup):
                yield from item.conditions()
            else:
                yield item

    def as_json(self) -> dict[str, Any]:
        return {
            "match": self.match,
            "items": [
                item.as_json()
                if isinstance(item, ConditionGroup)
                else {"path": list(item.path), "op": item.op, "value": item.value}
                for item in self.items
            ],
        }


def group_of(stored: Mapping[str, Any] | None) -> ConditionGroup:
    """A group from its JSON.  Without any, the group matches every event."""
    if not stored:
        return ConditionGroup()
    items: list[Condition | ConditionGroup] = []
    for item in stored["items"]:
        if "items" in item:
            items.append(group_of(item))
        else:
            items.append(Condition(tuple(item["path"]), item["op"], item.get("value", "")))
    return ConditionGroup(stored["match"], tuple(items))
