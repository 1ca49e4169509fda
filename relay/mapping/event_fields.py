"""The fields of real events, each with an example value.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from relay.mapping.paths import EACH
from relay.mapping.printing import plain_text

MAX_DEPTH = 4
MAX_EXAMPLE = 80


@dataclass(frozen=True)
class EventField:
    """A field.  ``path`` is for ``paths.value_at``; ``example`` is one line.

    ``list_of`` says what a list has: ``values`` or ``objects``; empty for any other value.
    """

    path: tuple[str, ...]
    example: str
    list_of: str = ""

    @property
    def label(self) -> str:
        return label_of(self.path)


def label_of(path: Iterable[str]) -> str:
    """The label of a field: ``data.customer.name`` is ``customer.name``."""
    first, *rest = path
    keys = rest if first == "data" and rest else [first, *rest]
    return ".".join(keys).replace(f".{EACH}", EACH)


def fields_of(events: Iterable[Mapping[str, Any]], *, of_items: bool = False) -> list[EventField]:
    """The fields in the ``data`` of these events, each once, with its first value that is not empty.

    The members of an object are fields of their own; a list is one field.  With ``of_items`` the
    members of the objects in a list are fields too, such as ``items[].name``.
    """
    found: dict[tuple[str, ...], str] = {}
    lists: dict[tuple[str, ...], str] = {}
    for event in events:
        for path, value in _leaves(("data",), event.get("data"), MAX_DEPTH):
            if not found.get(path):
                found[path] = example_of(value)
            if isinstance(value, list) and value:
                has_objects = any(isinstance(item, Mapping | list) for item in value)
                lists[path] = "objects" if has_objects else lists.get(path, "values")
            for inner in _members(value) if of_items else ():
                if not found.get(each := (*path, EACH, inner)):
                    found[each] = example_of([item.get(inner) for item in value])
    return [EventField(path, example, lists.get(path, "")) for path, example in found.items()]


def _members(value: Any) -> list[str]:
    """The members of the objects in a list; none if it has anything else."""
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        return []
    return list(dict.fromkeys(str(key) for item in value for key in item))


def _leaves(path: tuple[str, ...], value: Any, depth: int) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping) and depth:
        for key, inner in value.items():
            yield from _leaves((*path, str(key)), inner, depth - 1)
    elif len(path) > 1:
        yield path, value


def example_of(value: Any) -> str:
    """A value as a short line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        value = ", ".join(filter(None, map(example_of, value)))
    elif isinstance(value, Mapping):
        value = ", ".join(filter(None, map(example_of, value.values())))
    line = " ".join(plain_text(value).split())
    return line if len(line) <= MAX_EXAMPLE else f"{line[: MAX_EXAMPLE - 1]}…"
