"""What a person should know of a mapping before it is used.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from relay.mapping.paths import in_words
from relay.mapping.rules import FieldProblem, FieldSpec, FilledMapping, Rules
from relay.mapping.templates import check_template, paths_in

ALWAYS = ("event", "event_id", "site", "site_name", "site_url", "received_at")


def missing(
    rules: Rules, filled: FilledMapping, targets: Iterable[FieldSpec]
) -> list[FieldProblem]:
    """The required targets that got nothing from an event."""
    wrong = {problem.target for problem in filled.problems}
    found = []
    for one in targets:
        if not one.required or one.name in filled.values or one.name in wrong:
            continue
        why = (
            f"{one.label} is needed, and there is nothing for it in this event."
            if one.name in rules
            else f"{one.label} is needed, and nothing is connected to it."
        )
        found.append(FieldProblem(one.name, "missing_field", why))
    return found


def unknown(
    rules: Rules, targets: Sequence[FieldSpec], fields: Iterable[Sequence[str]], kind: str
) -> list[FieldProblem]:
    """Targets that the destination does not have, and fields that no recent event has (a default is
    a sign that somebody thought of that).

    ``targets`` are empty where a mapping may name its own; ``kind`` is how the destination is called.
    """
    names = {one.name: one.label for one in targets}
    known = [tuple(field) for field in fields]
    found = []
    for name, rule in rules.items():
        if targets and name not in names:
            why = f"{kind} has no field {name}, or none any more."
            found.append(FieldProblem(name, "unknown_field", why))
        for path in _used(rule):
            if not rule.get("default") and not _is_known(path, known):
                why = f"{names.get(name, name)} uses {in_words(path)}, which no recent event has."
                found.append(FieldProblem(name, "unknown_source", why))
    return found


def _used(rule: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return paths_in(rule["text"]) if "text" in rule else [tuple(rule["path"])]


def _is_known(path: tuple[str, ...], known: Iterable[tuple[str, ...]]) -> bool:
    """Whether it is one of the fields, a part of one, or an object around some."""
    if path[0] in ALWAYS or path == ("data",):
        return True
    return any(one[: len(path)] == path or path[: len(one)] == one for one in known)


def broken_texts(rules: Rules) -> dict[str, list[str]]:
    """The texts that cannot work at all, by target: these are not saved."""
    checked = {name: check_template(rule["text"]) for name, rule in rules.items() if "text" in rule}
    return {name: [why] for name, why in checked.items() if why}
