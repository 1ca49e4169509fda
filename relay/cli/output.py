"""The output of commands: JSON or text on standard output, errors in one line on standard error."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, ParamSpec, TypeVar

import click
from flask.cli import AppGroup, with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from relay.database_errors import explain
from relay.errors import RelayError
from relay.rules.counted import COUNTED

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class TimeOption(click.DateTime):
    """A day or a time; one without an offset is UTC."""

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"])

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return "TIME"


class RowId(click.ParamType):
    """The id of a row."""

    name = "id"
    numbers = click.IntRange(1, 2**63 - 1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return self.numbers.convert(value, param, ctx)


ID, TIMES = RowId(), TimeOption()
top_level = AppGroup("relay")  # ``command`` needs a group; commands of no noun are added without it


def refuse(sentence: str) -> NoReturn:
    """Print one line on standard error and exit with 1."""
    click.echo(" ".join(sentence.split()), err=True)
    sys.exit(1)


def command(
    group: click.Group, name: str, *examples: str
) -> Callable[[Callable[P, R]], click.Command]:
    """Add a command to ``group``, with ``--json``, an application context and errors in one line.

    ``examples`` are shown below its help, each without ``flask``.
    """
    lines = [f"  flask {example}" for example in examples]
    # \\b: click does not wrap the paragraph
    epilog = "\n".join(["\b", "Example:" if len(lines) == 1 else "Examples:", *lines])

    def decorate(function: Callable[P, R]) -> click.Command:
        @functools.wraps(function)
        def guarded(*args: P.args, **kw: P.kwargs) -> R:
            try:
                return function(*args, **kw)
            except RelayError as exc:
                refuse(str(exc))
            except SQLAlchemyError as exc:
                refuse(explain(exc))

        with_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")(guarded)
        return group.command(name, epilog=epilog)(with_appcontext(with_json))

    return decorate


def paged(function: Callable[P, R]) -> Callable[P, R]:
    """The options ``--limit`` and ``--after`` of a list."""
    after = click.option(
        "--after",
        type=ID,
        help="Continue after this id, the next_after of the previous page.",
    )(function)
    return click.option(
        "--limit",
        type=click.IntRange(1, 500),
        default=50,
        show_default=True,
        help="Maximum number of items.",
    )(after)


def iso(instant: datetime | None) -> str | None:
    """ISO 8601 in UTC, ending in Z."""
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc(moment: datetime | None) -> datetime | None:
    """A time from an option, in UTC.  One without an offset is in UTC already."""
    if moment is None:
        return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as exc:
        raise click.UsageError(f"{moment} is out of range.") from exc


def end_of(moment: datetime | None) -> datetime | None:
    """``utc``, and for a day without a time the end of that day."""
    found = utc(moment)
    if found is None or found.time() != datetime.min.time():
        return found
    return min(found, datetime.max.replace(tzinfo=UTC) - timedelta(days=1)) + timedelta(days=1)


def show(value: Any, as_json: bool, text: str) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2) if as_json else text)


def show_removal(
    name: str,
    counts: dict[str, int],
    value: dict[str, Any],
    is_done: bool,
    as_json: bool,
    needs_yes: bool = True,
) -> None:
    """Print what a removal did, or what it would do.  Exits with 1 if it was not done for lack of --yes.

    ``counts`` are the numbers of the text, by what they count; zeros are left out.
    """
    heading = f"{name} is removed:" if is_done else f"Removing {name} would affect:"
    rows = [f"  {count:>7,}  {what}" for what, count in counts.items() if count]
    show(value, as_json, "\n".join([heading, *(rows or ["  nothing else"])]))
    if not is_done and needs_yes:
        refuse(f"{name} was not removed. To remove it, repeat the command with --yes.")


def show_list(
    items: Sequence[dict[str, Any]],
    total: int | None,
    as_json: bool,
    *columns: str,
    next_after: int | None = None,
) -> None:
    """Print a page of a list, as a table of ``columns`` or as ``{"items": […], "total": n}``.

    ``total`` is None if it is unknown, or above COUNTED if there are more than that; the JSON then
    has null.  It has ``next_after`` if there are more items.
    """
    is_known = total is not None and total <= COUNTED
    if as_json:
        found: dict[str, Any] = {"items": list(items), "total": total if is_known else None}
        show(found | ({"next_after": next_after} if next_after else {}), True, "")
        return
    if not items:
        click.echo(f"None so far. Go on: --after {next_after}" if next_after else "None.")
        return
    rows = [[_cell(item.get(name)) for name in columns] for item in items]
    headings = [name.replace("_", " ").upper() for name in columns]
    widths = [max(len(row[n]) for row in [headings, *rows]) for n in range(len(columns))]
    for row in [headings, *rows]:
        click.echo(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    if next_after or (total or 0) > len(items):
        of = f" of {total}" if is_known else f" of more than {COUNTED}" if total else ""
        click.echo(f"{len(items)}{of}." + (f" More: --after {next_after}" if next_after else ""))


def page_in_memory(
    found: Sequence[T], id_of: Callable[[T], int], limit: int, after: int | None
) -> tuple[list[T], int | None]:
    """A page of a short list, newest first, as in ``services.paging``.  -> (items, next_after)"""
    newest_first = sorted(found, key=id_of, reverse=True)
    left = [item for item in newest_first if after is None or id_of(item) < after]
    shown = left[:limit]
    return shown, id_of(shown[-1]) if len(left) > limit else None


def from_stdin(what: str) -> str:
    """A secret from standard input, without its line end.  Exits with 2 if it is empty.

    At a terminal it is asked for, and not shown.
    """
    if sys.stdin.isatty():
        value = str(click.prompt(what, hide_input=True, default="", show_default=False))
    else:
        value = sys.stdin.read().rstrip("\r\n")
    if not value:
        raise click.UsageError(f"{what} is read from standard input, which is empty.")
    return value


def _cell(value: Any) -> str:
    """A value on one line, without control characters, which a terminal would execute."""
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    line = "" if value is None else " ".join(str(value).split())
    text = "".join(c if c.isprintable() else "\ufffd" for c in line)
    return text if len(text) <= 60 else text[:59] + "…"
