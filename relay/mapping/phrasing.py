"""Describes a subscription as one sentence.  Standard library only."""

from __future__ import annotations

from collections.abc import Sequence

from relay.event_types import FAMILIES, event_type_of, family_of
from relay.i18n import _
from relay.mapping.conditions import Condition, ConditionGroup
from relay.mapping.operators import join_words, quoted_value, split

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
    names = join_words(list(sites), _("or"))
    whens = [
        _("%(thing)s from %(sites)s %(happens)s", thing=noun, sites=names, happens=becomes or verb)
        if sites
        else _("%(thing)s %(happens)s", thing=noun, happens=becomes or verb)
        for noun, verb in map(_happens, patterns)
    ]
    if "*" in patterns:
        whens = [
            _("anything happens on %(sites)s", sites=names) if sites else _("anything happens")
        ]
    when = _joined(whens, _("or"))
    if not rest.items:
        return _("When %(when)s, %(action)s.", when=when, action=action)
    said = {"when": when, "conditions": _its(rest), "action": action}
    if len(whens) > 1:
        return _("When %(when)s, and %(conditions)s, %(action)s.", **said)
    return _("When %(when)s and %(conditions)s, %(action)s.", **said)


def _happens(pattern: str) -> tuple[str, str]:
    if pattern.endswith(".*") and family_of(pattern) in FAMILIES:
        noun, verb = FAMILIES[family_of(pattern)].happens
    else:
        noun, verb = event_type_of(pattern).happens
    if noun == f"an event {pattern}":  # a custom type
        noun = _("an event %(type)s", type=pattern)
    return _(noun), _(verb)


def _its(group: ConditionGroup) -> str:
    """The conditions as ``its A and its B`` or ``either its A or its B``."""
    parts = [
        _its(item)
        if isinstance(item, ConditionGroup)
        else _("its %(condition)s", condition=item.words())
        for item in group.items
    ]
    if group.match == "any" and len(parts) > 1:
        return _("either %(conditions)s", conditions=_joined(parts, _("or")))
    return _joined(parts, _("and"))


def _joined(parts: list[str], word: str) -> str:
    return f" {word} ".join(parts)


def _split_status(group: ConditionGroup) -> tuple[ConditionGroup, str]:
    """-> the other conditions, and the required status as ``becomes “completed”``, or all and ``""``"""
    if group.match == "any" and len(group.items) > 1:
        return group, ""
    for item in group.items:
        if isinstance(item, Condition) and item.path in STATUS and item.op in ("is", "one_of"):
            rest = tuple(other for other in group.items if other is not item)
            values = split(item.value) if item.op == "one_of" else [item.value]
            said = join_words([quoted_value(value) for value in values], _("or"))
            return ConditionGroup(group.match, rest), _("becomes %(status)s", status=said)
    return group, ""
