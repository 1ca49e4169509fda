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
class Row:
    """One condition as it stands in the form; ``path`` as ``paths.as_text`` writes it."""

    path: str = ""
    op: str = "is"
    value: str = ""

    @property
    def condition(self) -> Condition:
        return Condition(tuple(from_text(self.path)), self.op, self.value)


@dataclass(frozen=True)
class Box:
    """A group of rows; the outer one may hold inner ones."""

    match: str = "all"
    items: tuple[Row | Box, ...] = field(default_factory=tuple)

    @property
    def group(self) -> ConditionGroup:
        """What is meant; rows that nobody filled in are left out, and so are empty boxes."""
        items: list[Condition | ConditionGroup] = []
        for one in self.items:
            if isinstance(one, Box):
                if one.group.items:
                    items.append(one.group)
            elif one.path or one.value:
                items.append(one.condition)
        return ConditionGroup(self.match, tuple(items))


def box_of(group: ConditionGroup) -> Box:
    """From what is stored."""
    return Box(
        group.match,
        tuple(
            box_of(one)
            if isinstance(one, ConditionGroup)
            else Row(as_text(one.path), one.op, one.value)
            for one in group.items
        ),
    )


def posted(form: Mapping[str, str]) -> Box:
    """What stands in the form: ``c0-path``, ``c0-op``, ``c0-value``; in a box ``c1-match``, ``c1.0-path``, …"""
    outer: dict[int, Row | None] = {}
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
    items: list[Row | Box] = []
    for number in sorted({*outer, *inner}):
        row = outer.get(number)
        if number in inner:
            rows = tuple(_row(form, f"c{number}.{n}") for n in sorted(inner[number]))
            items.append(Box(_match(form, f"c{number}-match"), rows))
        elif row is not None:
            items.append(row)
    return Box(_match(form, "match"), tuple(items))


def _row(form: Mapping[str, str], name: str) -> Row:
    values = (
        form.get(f"{name}-{part}", "").replace("\x00", "").strip()
        for part in ("path", "op", "value")
    )
    path, op, value = values
    return Row(path, op or "is", value)


def _match(form: Mapping[str, str], name: str) -> str:
    return "any" if form.get(name) == "any" else "all"


def changed(box: Box, do: str) -> Box:
    """After a button: ``add``, ``add-box``, ``add:1`` (into a box), ``drop:0``, ``drop:1.0``."""
    verb, _, place = do.partition(":")
    items = list(box.items)
    if verb == "add" and not place:
        items.append(Row())
    elif verb == "add-box":
        items.append(Box("any", (Row(), Row())))
    elif verb in ("add", "drop") and (numbers := re.fullmatch(r"(\d{1,3})(?:\.(\d{1,3}))?", place)):
        first = int(numbers[1])
        if first >= len(items):
            return box
        inside = items[first]
        if verb == "add" and isinstance(inside, Box):
            items[first] = replace(inside, items=(*inside.items, Row()))
        elif verb == "drop" and numbers[2] is None:
            del items[first]
        elif verb == "drop" and isinstance(inside, Box):
            kept = [one for n, one in enumerate(inside.items) if n != int(numbers[2])]
            items[first : first + 1] = [replace(inside, items=tuple(kept))] if kept else []
    return replace(box, items=tuple(items[:MOST_ROWS]))
