"""What conditions ask of a value, typed as people mean it.  Pure: the standard library only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

NUMBER = re.compile(r"-?(0|[1-9]\d{0,30})(\.\d{1,30})?")
DAY = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?")
YES, NO = ("yes", "true", "1", "on"), ("no", "false", "0", "off")
DEEPEST = 6


def is_empty(value: Any) -> bool:
    """Nothing, blanks, or a list or object of nothing; 0 and no are something."""
    return value is None or (isinstance(value, str | list | dict) and not _stripped(value))


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def leaves(value: Any, deep: int = DEEPEST) -> Iterator[Any]:
    """A value itself, or the values in a list or object."""
    if isinstance(value, list | dict) and deep:
        for one in value.values() if isinstance(value, dict) else value:
            yield from leaves(one, deep - 1)
    elif not isinstance(value, list | dict):
        yield value


def as_number(value: Any) -> Decimal | None:
    """A number, or text that is written as one (``129.90``; ``007`` is none)."""
    if isinstance(value, bool):
        return None
    text = str(value).strip() if isinstance(value, str | int | float) else ""
    return Decimal(text) if NUMBER.fullmatch(text) else None


def as_time(value: Any) -> date | None:
    """A day, or an instant in UTC."""
    text = value.strip() if isinstance(value, str) else ""
    if not DAY.fullmatch(text):
        return None
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # an offset can lead out of the calendar
        return None


def compare(value: Any, other: str) -> int | None:
    """-1, 0 or 1; as numbers, or as times (by days where one is only a day); None where neither fits."""
    number, second = as_number(value), as_number(other)
    if number is not None and second is not None:
        return (number > second) - (number < second)
    time, until = as_time(value), as_time(other)
    if time is None or until is None:
        return None
    if not (isinstance(time, datetime) and isinstance(until, datetime)):
        time = time.date() if isinstance(time, datetime) else time
        until = until.date() if isinstance(until, datetime) else until
    return (time > until) - (time < until)


def equals(value: Any, other: str) -> bool:
    """Equal as numbers, as times, as yes and no, or as text in any case."""
    if isinstance(value, bool):
        return other.strip().lower() in (YES if value else NO)
    if isinstance(value, list | dict):
        return any(equals(one, other) for one in leaves(value))
    return compare(value, other) == 0 or _text(value) == _text(other)


def split(text: str) -> list[str]:
    """The values of a list with commas between them."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value).strip().casefold()


def _any(test: Callable[[str, str], bool]) -> Callable[[Any, str], bool]:
    return lambda value, other: any(test(_text(one), _text(other)) for one in leaves(value))


def _not(test: Callable[[Any, str], bool]) -> Callable[[Any, str], bool]:
    return lambda value, other: not test(value, other)


def _compared(*wanted: int) -> Callable[[Any, str], bool]:
    return lambda value, other: compare(value, other) in wanted


def _one_of(value: Any, other: str) -> bool:
    return any(equals(value, one) for one in split(other))


@dataclass(frozen=True)
class Operator:
    """``words`` go between field and value, ``not_words`` where it does not hold.

    ``test`` gets the field's value and what it is compared with.  ``values``: how many that takes,
    ``none``, ``one`` or ``many`` (with commas between them).
    """

    words: str
    not_words: str
    test: Callable[[Any, str], bool]
    values: str = "one"


_contains = _any(lambda text, part: part in text)
OPERATORS: dict[str, Operator] = {
    "is": Operator("is", "is not", equals),
    "is_not": Operator("is not", "is", _not(equals)),
    "contains": Operator("contains", "does not contain", _contains),
    "not_contains": Operator("does not contain", "contains", _not(_contains)),
    "starts_with": Operator("starts with", "does not start with", _any(str.startswith)),
    "ends_with": Operator("ends with", "does not end with", _any(str.endswith)),
    "one_of": Operator("is one of", "is none of", _one_of, "many"),
    "none_of": Operator("is none of", "is one of", _not(_one_of), "many"),
    "at_least": Operator("is at least", "is not at least", _compared(0, 1)),
    "at_most": Operator("is at most", "is not at most", _compared(0, -1)),
    "more_than": Operator("is more than", "is not more than", _compared(1)),
    "less_than": Operator("is less than", "is not less than", _compared(-1)),
    "is_filled": Operator("is filled", "is empty", lambda value, _: not is_empty(value), "none"),
    "is_empty": Operator("is empty", "is filled", lambda value, _: is_empty(value), "none"),
}


def quoted_value(value: Any) -> str:
    """A value within a sentence: numbers and dates as they are, texts in quotes, long ones cut."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | dict):
        value = ", ".join(str(one) for one in leaves(value) if one is not None)
    text = " ".join(str(value).split())
    if as_number(text) is not None or as_time(text) is not None:
        return text
    return f"“{text if len(text) <= 60 else text[:59] + '…'}”"


def join_words(words: Sequence[str], last: str) -> str:
    """``a, b and c``."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""
