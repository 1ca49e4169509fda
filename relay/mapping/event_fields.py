"""The fields of an event, found in real ones, each with a value that it had.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

DEEPEST = 4
LONGEST_EXAMPLE = 80


@dataclass(frozen=True)
class EventField:
    """``path`` as ``paths.value_at`` takes it, ``example`` as one line."""

    path: tuple[str, ...]
    example: str

    @property
    def label(self) -> str:
        return label_of(self.path)


def label_of(path: Iterable[str]) -> str:
    """How a field of the event is called: ``data.customer.name`` is ``customer.name``."""
    first, *rest = path
    return ".".join(rest if first == "data" and rest else [first, *rest])


def fields_of(events: Iterable[Mapping[str, Any]]) -> list[EventField]:
    """The fields in ``data`` of these events, each once, with the first value that says something.

    An object is followed into, a list is one field.
    """
    found: dict[tuple[str, ...], str] = {}
    for event in events:
        for path, value in _leaves(("data",), event.get("data"), DEEPEST):
            if not found.get(path):
                found[path] = example_of(value)
    return [EventField(path, example) for path, example in found.items()]


def _leaves(path: tuple[str, ...], value: Any, deep: int) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping) and deep:
        for key, one in value.items():
            yield from _leaves((*path, str(key)), one, deep - 1)
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
    line = " ".join(str("" if value is None else value).split())
    return line if len(line) <= LONGEST_EXAMPLE else f"{line[: LONGEST_EXAMPLE - 1]}…"
