"""Conditions as rows of a form, and back: rows are added and taken away by submit buttons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from relay.mapping.conditions import Condition, ConditionGroup
from relay.mapping.paths import as_text, from_text

KEY = re.compile(r"c(\d{1,3})(?:\.(\d{1,3}))?-(path|match)")
MOST_ROWS = 60


@dataclass(frozen=True)
class ConditionRow:
    """One condition as it stands in the form; ``path`` as ``paths.as_text`` writes it."""

    path: str = ""
    op: str = "is"
    value: str = ""

    @property
    def condition(self) -> Condition:
        return Condition(tuple(from_text(self.path)), self.op, self.value)


@dataclass(frozen=True)
class ConditionBox:
    """A group of rows; the outer one may hold inner ones."""

    match: str = "all"
    items: tuple[ConditionRow | ConditionBox, ...] = field(default_factory=tuple)

    @property
    def group(self) -> ConditionGroup:
        """What is meant; rows that nobody filled in are left out, and so are empty boxes."""
        items: list[Condition | ConditionGroup] = []
        for one in self.items:
            if isinstance(one, ConditionBox):
                if one.group.items:
                    items.append(one.group)
            elif one.path or one.value:
                items.append(one.condition)
        return ConditionGroup(self.match, tuple(items))


def box_of(group: ConditionGroup) -> ConditionBox:
    """From what is stored."""
    return ConditionBox(
        group.match,
        tuple(
            box_of(one)
            if isinstance(one, ConditionGroup)
            else ConditionRow(as_text(one.path), one.op, one.value)
            for one in group.items
        ),
    )


def posted(form: Mapping[str, str]) -> ConditionBox:
    """What stands in the form: ``c0-path``, ``c0-op``, ``c0-value``; in a box ``c1-match``, ``c1.0-path``, …"""
    outer: dict[int, ConditionRow | None] = {}
    inner: dict[int, list[int]] = {}
    for key in list(form)[: MOST_ROWS * 8]:
        found = KEY.fullmatch(key)
        if not found:
            continue
        first, second, what = int(found[1]), found[2], found[3]
        if second is not None:
            inner.setdefault(first, []).append(int(second))
        elif what == "match":
            inner.setdefault(first, [])
        else:
            outer[first] = _row(form, f"c{first}")
    items: list[ConditionRow | ConditionBox] = []
    for number in sorted({*outer, *inner}):
        row = outer.get(number)
        if number in inner:
            rows = tuple(_row(form, f"c{number}.{n}") for n in sorted(inner[number]))
            items.append(ConditionBox(_match(form, f"c{number}-match"), rows))
        elif row is not None:
            items.append(row)
    return ConditionBox(_match(form, "match"), tuple(items))


def _row(form: Mapping[str, str], name: str) -> ConditionRow:
    values = (
        form.get(f"{name}-{part}", "").replace("\x00", "").strip()
        for part in ("path", "op", "value")
    )
    path, op, value = values
    return ConditionRow(path, op or "is", value)


def _match(form: Mapping[str, str], name: str) -> str:
    return "any" if form.get(name) == "any" else "all"


def changed(box: ConditionBox, do: str) -> ConditionBox:
    """After a button: ``add``, ``add-box``, ``add:1`` (into a box), ``drop:0``, ``drop:1.0``."""
    verb, _, place = do.partition(":")
    items = list(box.items)
    if verb == "add" and not place:
        items.append(ConditionRow())
    elif verb == "add-box":
        items.append(ConditionBox("any", (ConditionRow(), ConditionRow())))
    elif verb in ("add", "drop") and (numbers := re.fullmatch(r"(\d{1,3})(?:\.(\d{1,3}))?", place)):
        first = int(numbers[1])
        if first >= len(items):
            return box
        inside = items[first]
        if verb == "add" and isinstance(inside, ConditionBox):
            items[first] = replace(inside, items=(*inside.items, ConditionRow()))
        elif verb == "drop" and numbers[2] is None:
            del items[first]
        elif verb == "drop" and isinstance(inside, ConditionBox):
            kept = [one for n, one in enumerate(inside.items) if n != int(numbers[2])]
            items[first : first + 1] = [replace(inside, items=tuple(kept))] if kept else []
    return replace(box, items=tuple(items[:MOST_ROWS]))
