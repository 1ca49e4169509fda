"""Problems of a mapping that a person should see before it is used.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from relay.i18n import _
from relay.mapping.computed import rule_fault
from relay.mapping.lists import STYLES
from relay.mapping.paths import readable_path
from relay.mapping.rules import FieldProblem, FieldSpec, FilledMapping, Rules
from relay.mapping.templates import check_template, paths_in

T = TypeVar("T", bound=FieldSpec)
ALWAYS = (
    *("event", "event_id", "site", "site_name", "site_url", "received_at"),
    *("occurred_at", "revision", "timezone", "locale"),
)


def missing(
    rules: Rules, filled: FilledMapping, targets: Iterable[FieldSpec]
) -> list[FieldProblem]:
    """The required targets without a value from an event, except those of an object not in use."""
    with_problem = {problem.target for problem in filled.problems}
    found = []
    for target in in_use(rules, targets):
        if not target.required or target.name in filled.values or target.name in with_problem:
            continue
        why = (
            _("%(label)s is required, but this event has no value for it.", label=_(target.label))
            if target.name in rules
            else _("%(label)s is required, but nothing is mapped to it.", label=_(target.label))
        )
        found.append(FieldProblem(target.name, "missing_field", why))
    return found


def in_use(rules: Rules, targets: Iterable[T]) -> list[T]:
    """The targets of the objects (``group``) that rules fill; all targets if there are no such rules.

    A lead that fills only a contact needs no fields of a deal.
    """
    listed = list(targets)
    groups = {target.group for target in listed if target.name in rules}
    return [target for target in listed if not groups or target.group in groups]


def unknown(
    rules: Rules, targets: Sequence[FieldSpec], fields: Iterable[Sequence[str]], kind: str
) -> list[FieldProblem]:
    """Targets that the destination does not have, and event fields that no recent event has.

    A rule with a default is prepared for a missing field and is not reported.  ``targets`` is empty
    if a mapping can name its own targets.  ``kind`` is the name of the destination's kind.
    """
    labels = {target.name: _(target.label) for target in targets}
    known = [tuple(field) for field in fields]
    found = []
    for name, rule in rules.items():
        if targets and name not in labels:
            why = _("%(kind)s does not have the field %(name)s.", kind=_(kind), name=name)
            found.append(FieldProblem(name, "unknown_field", why))
        for path in _paths_of(rule):
            if not rule.get("default") and not _is_known(path, known):
                why = _(
                    "%(label)s uses %(path)s, which no recent event has.",
                    label=labels.get(name, name),
                    path=readable_path(path),
                )
                found.append(FieldProblem(name, "unknown_source", why))
    return found


def _paths_of(rule: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The paths that a person chose; a computed field finds its own."""
    if "computed" in rule:
        return []
    return paths_in(rule["text"]) if "text" in rule else [tuple(rule["path"])]


def _is_known(path: tuple[str, ...], known: Iterable[tuple[str, ...]]) -> bool:
    """Whether the path is one of the known fields, within one, or an object that contains one."""
    if path[0] in ALWAYS or path == ("data",):
        return True
    return any(field[: len(path)] == path or path[: len(field)] == field for field in known)


def invalid_rules(rules: Rules, event_type: str) -> dict[str, list[str]]:
    """Texts and computed fields that can never work, by target.  Such a mapping is not saved."""
    checked = {name: _fault_of(rule, event_type) for name, rule in rules.items()}
    return {name: [why] for name, why in checked.items() if why}


def _fault_of(rule: Mapping[str, Any], event_type: str) -> str | None:
    if "computed" in rule:
        return rule_fault(rule, event_type)
    if "list" in rule and rule["list"] not in STYLES:
        return _("A list can be shown as %(styles)s.", styles=", ".join(STYLES))
    return check_template(rule["text"]) if "text" in rule else None
