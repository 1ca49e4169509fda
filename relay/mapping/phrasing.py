"""A subscription read back: what happens when, as one sentence.  Standard library only."""

from __future__ import annotations

from collections.abc import Sequence

from relay.event_types import FAMILIES, event_type_of, family_of
from relay.mapping.conditions import Condition, ConditionGroup
from relay.mapping.operators import join_words

STATUS = (("data", "status"), ("status",))


def sentence(
    patterns: Sequence[str], sites: Sequence[str], conditions: ConditionGroup, action: str
) -> str:
    """``When an order from Shop B becomes “completed” and its total is at least 500, …``.

    ``sites`` are names, none for all; ``action`` is what is done then, as "send it to My endpoint".
    """
    rest, became = conditions, ""
    if list(patterns) == ["order.status_changed"]:
        rest, became = _without_status(conditions)
    from_sites = f" from {join_words(list(sites), 'or')}" if sites else ""
    whens = [f"{noun}{from_sites} {became or verb}" for noun, verb in map(_happening, patterns)]
    if "*" in patterns:
        whens = [f"anything happens{' on ' + join_words(list(sites), 'or') if sites else ''}"]
    when = " or ".join(whens)
    several = "," if len(whens) > 1 else ""
    words = f"{several} and {_its(rest)}" if rest.items else ""
    return f"When {when}{words}, {action}."


def _happening(pattern: str) -> tuple[str, str]:
    if pattern.endswith(".*") and family_of(pattern) in FAMILIES:
        return FAMILIES[family_of(pattern)].happens
    return event_type_of(pattern).happens


def _its(group: ConditionGroup) -> str:
    """``its A and its B``, ``either its A or its B``."""
    parts = [
        _its(one) if isinstance(one, ConditionGroup) else f"its {one.words()}"
        for one in group.items
    ]
    if group.match == "any" and len(parts) > 1:
        return f"either {' or '.join(parts)}"
    return " and ".join(parts)


def _without_status(group: ConditionGroup) -> tuple[ConditionGroup, str]:
    """``becomes “completed”``, taken out of the conditions where it is one that must hold."""
    for one in group.items:
        fits = isinstance(one, Condition) and one.path in STATUS and one.op in ("is", "one_of")
        if fits and isinstance(one, Condition) and (group.match == "all" or len(group.items) == 1):
            left = tuple(other for other in group.items if other is not one)
            _, _, value = one.words().partition(" is one of " if one.op == "one_of" else " is ")
            return ConditionGroup(group.match, left), f"becomes {value}"
    return group, ""
