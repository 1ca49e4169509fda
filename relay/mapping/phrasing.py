"""Describes a subscription as one sentence.  Standard library only."""

from __future__ import annotations

from collections.abc import Sequence

from relay.event_types import FAMILIES, event_type_of, family_of
from relay.mapping.conditions import Condition, ConditionGroup
from relay.mapping.operators import join_words

STATUS = (("data", "status"), ("status",))


def sentence(
    patterns: Sequence[str], sites: Sequence[str], conditions: ConditionGroup, action: str
) -> str:
    """Such as ``When an order from Shop B becomes “completed” and its total is at least 500, …``.

    ``sites`` are names, none for all sites.  ``action`` is what the destination then does, such as
    "send it to My endpoint".
    """
    rest, becomes = conditions, ""
    if list(patterns) == ["order.status_changed"]:
        rest, becomes = _split_status(conditions)
    from_sites = f" from {join_words(list(sites), 'or')}" if sites else ""
    whens = [f"{noun}{from_sites} {becomes or verb}" for noun, verb in map(_happens, patterns)]
    if "*" in patterns:
        whens = [f"anything happens{' on ' + join_words(list(sites), 'or') if sites else ''}"]
    when = " or ".join(whens)
    comma = "," if len(whens) > 1 else ""
    condition = f"{comma} and {_its(rest)}" if rest.items else ""
    return f"When {when}{condition}, {action}."


def _happens(pattern: str) -> tuple[str, str]:
    if pattern.endswith(".*") and family_of(pattern) in FAMILIES:
        return FAMILIES[family_of(pattern)].happens
    return event_type_of(pattern).happens


def _its(group: ConditionGroup) -> str:
    """The conditions as ``its A and its B`` or ``either its A or its B``."""
    parts = [
        _its(item) if isinstance(item, ConditionGroup) else f"its {item.words()}"
        for item in group.items
    ]
    if group.match == "any" and len(parts) > 1:
        return f"either {' or '.join(parts)}"
    return " and ".join(parts)


def _split_status(group: ConditionGroup) -> tuple[ConditionGroup, str]:
    """-> the other conditions, and the required status as ``becomes “completed”``, or all and ``""``"""
    if group.match == "any" and len(group.items) > 1:
        return group, ""
    for item in group.items:
        if isinstance(item, Condition) and item.path in STATUS and item.op in ("is", "one_of"):
            rest = tuple(other for other in group.items if other is not item)
            _, _, value = item.words().partition(" is one of " if item.op == "one_of" else " is ")
            return ConditionGroup(group.match, rest), f"becomes {value}"
    return group, ""
