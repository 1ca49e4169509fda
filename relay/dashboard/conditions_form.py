"""Conditions as rows of a form, and back.  Submit buttons add and remove rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from relay.mapping.conditions import Condition, ConditionGroup
from relay.mapping.paths import as_text, from_text

KEY = re.compile(r"c(\d{1,3})(?:\.(\d{1,3}))?-(path|match)")
MAX_ROWS = 60


@dataclass(frozen=True)
class ConditionRow:
    """One condition in the form; ``path`` has the format of ``paths.as_text``."""

    path: str = ""
    op: str = "is"
    value: str = ""

    @property
    def condition(self) -> Condition:
        return Condition(tuple(from_text(self.path)), self.op, self.value)


@dataclass(frozen=True)
class ConditionBox:
    """A group of rows; the outer group can contain inner groups."""

    match: str = "all"
    items: tuple[ConditionRow | ConditionBox, ...] = field(default_factory=tuple)

    @property
    def group(self) -> ConditionGroup:
        """The conditions of the group, without empty rows and empty groups."""
        items: list[Condition | ConditionGroup] = []
        for item in self.items:
            if isinstance(item, ConditionBox):
                if item.group.items:
                    items.append(item.group)
            elif item.path or item.value:
                items.append(item.condition)
        return ConditionGroup(self.match, tuple(items))


def box_of(group: ConditionGroup) -> ConditionBox:
    """The form of stored conditions."""
    return ConditionBox(
        group.match,
        tuple(
            box_of(item)
            if isinstance(item, ConditionGroup)
            else ConditionRow(as_text(item.path), item.op, item.value)
            for item in group.items
        ),
    )


def posted(form: Mapping[str, str]) -> ConditionBox:
    """The rows of a posted form.

    Their names are ``c0-path``, ``c0-op``, ``c0-value``; in a group ``c1-match``, ``c1.0-path``, …
    """
    outer: dict[int, ConditionRow | None] = {}
    inner: dict[int, list[int]] = {}
    for key in list(form)[: MAX_ROWS * 8]:
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
    """The rows after a button: ``add``, ``add-box``, ``add:1`` (to a group), ``drop:0``, ``drop:1.0``."""
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
            kept = [row for n, row in enumerate(inside.items) if n != int(numbers[2])]
            items[first : first + 1] = [replace(inside, items=tuple(kept))] if kept else []
    return replace(box, items=tuple(items[:MAX_ROWS]))
