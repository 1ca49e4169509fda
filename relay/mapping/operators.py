"""The operators of conditions, with values typed as people expect.  Pure: standard library only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from relay.i18n import N_, _

NUMBER = re.compile(r"-?(0|[1-9]\d{0,30})(\.\d{1,30})?")
DAY = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?")
YES, NO = ("yes", "true", "1", "on"), ("no", "false", "0", "off")
MAX_DEPTH = 6


def is_empty(value: Any) -> bool:
    """Whether a value is None, only spaces, or an empty list or object.  0 and false are not empty."""
    return value is None or (isinstance(value, str | list | dict) and not _stripped(value))


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def leaves(value: Any, depth: int = MAX_DEPTH) -> Iterator[Any]:
    """A value itself, or the values within a list or object."""
    if isinstance(value, list | dict) and depth:
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner, depth - 1)
    elif not isinstance(value, list | dict):
        yield value


def as_number(value: Any) -> Decimal | None:
    """A number, or text that is a number, such as ``129.90`` but not ``007``; else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float | Decimal):
        value = f"{Decimal(str(value)):f}"  # never with an exponent
    text = str(value).strip() if isinstance(value, str | int) else ""
    return Decimal(text) if NUMBER.fullmatch(text) else None


def as_time(value: Any) -> date | None:
    """A date, or a timestamp in UTC; else None."""
    text = value.strip() if isinstance(value, str) else ""
    if not DAY.fullmatch(text):
        return None
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # its offset can lead to a year that does not exist
        return None


def compare(value: Any, other: str) -> int | None:
    """-1, 0 or 1, as numbers or as times; None if neither fits.

    If one of two times is only a date, the dates are compared.
    """
    number, other_number = as_number(value), as_number(other)
    if number is not None and other_number is not None:
        return (number > other_number) - (number < other_number)
    time, other_time = as_time(value), as_time(other)
    if time is None or other_time is None:
        return None
    if not (isinstance(time, datetime) and isinstance(other_time, datetime)):
        time = time.date() if isinstance(time, datetime) else time
        other_time = other_time.date() if isinstance(other_time, datetime) else other_time
    return (time > other_time) - (time < other_time)


def equals(value: Any, other: str) -> bool:
    """Whether they are equal as numbers, as times, as yes or no, or as text in any case.

    A list or object equals ``other`` if any of its values does.
    """
    if isinstance(value, bool):
        return other.strip().lower() in (YES if value else NO)
    if isinstance(value, list | dict):
        return any(equals(inner, other) for inner in leaves(value))
    return compare(value, other) == 0 or _text(value) == _text(other)


def split(text: str) -> list[str]:
    """The values of a comma-separated list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value).strip().casefold()


def _any(test: Callable[[str, str], bool]) -> Callable[[Any, str], bool]:
    return lambda value, other: any(test(_text(inner), _text(other)) for inner in leaves(value))


def _not(test: Callable[[Any, str], bool]) -> Callable[[Any, str], bool]:
    return lambda value, other: not test(value, other)


def _compares(*results: int) -> Callable[[Any, str], bool]:
    return lambda value, other: compare(value, other) in results


def _one_of(value: Any, other: str) -> bool:
    return any(equals(value, option) for option in split(other))


@dataclass(frozen=True)
class Operator:
    """An operator.  ``test`` gets the field's value and the value to compare it with.

    ``words`` describe it between field and value, ``not_words`` if it does not hold.  ``values`` is
    how many values it compares with: ``none``, ``one``, or ``many`` (separated by commas).
    """

    words: str
    not_words: str
    test: Callable[[Any, str], bool]
    values: str = "one"


_contains = _any(lambda text, part: part in text)
OPERATORS: dict[str, Operator] = {
    "is": Operator(N_("is"), N_("is not"), equals),
    "is_not": Operator(N_("is not"), N_("is"), _not(equals)),
    "contains": Operator(N_("contains"), N_("does not contain"), _contains),
    "not_contains": Operator(N_("does not contain"), N_("contains"), _not(_contains)),
    "starts_with": Operator(N_("starts with"), N_("does not start with"), _any(str.startswith)),
    "ends_with": Operator(N_("ends with"), N_("does not end with"), _any(str.endswith)),
    "one_of": Operator(N_("is one of"), N_("is none of"), _one_of, "many"),
    "none_of": Operator(N_("is none of"), N_("is one of"), _not(_one_of), "many"),
    "at_least": Operator(N_("is at least"), N_("is not at least"), _compares(0, 1)),
    "at_most": Operator(N_("is at most"), N_("is not at most"), _compares(0, -1)),
    "more_than": Operator(N_("is more than"), N_("is not more than"), _compares(1)),
    "less_than": Operator(N_("is less than"), N_("is not less than"), _compares(-1)),
    "is_filled": Operator(
        N_("is filled"), N_("is empty"), lambda value, _: not is_empty(value), "none"
    ),
    "is_empty": Operator(N_("is empty"), N_("is filled"), lambda value, _: is_empty(value), "none"),
}


def quoted_value(value: Any) -> str:
    """A value for a sentence: numbers and dates unchanged, texts in quotes and cut if they are long."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list | dict):
        value = ", ".join(str(inner) for inner in leaves(value) if inner is not None)
    text = " ".join(str(value).split())
    if as_number(text) is not None or as_time(text) is not None:
        return text
    return _("“%(value)s”", value=text if len(text) <= 60 else text[:59] + "…")


def join_words(words: Sequence[str], last: str) -> str:
    """Join with commas and a last word, such as ``a, b and c``."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""
