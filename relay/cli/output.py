"""What commands print: JSON alone on standard output, or text for a person; refusals in one line."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn, ParamSpec, TypeVar

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import OperationalError

from relay.errors import RelayError

P = ParamSpec("P")
R = TypeVar("R")


def refuse(sentence: str) -> NoReturn:
    """One clear line on standard error, exit 1."""
    click.echo(" ".join(sentence.split()), err=True)
    sys.exit(1)


def command(group: click.Group, name: str) -> Callable[[Callable[P, R]], click.Command]:
    """A command of ``group`` with ``--json``, inside the application, errors told in one line."""

    def decorate(function: Callable[P, R]) -> click.Command:
        @functools.wraps(function)
        def guarded(*args: P.args, **kw: P.kwargs) -> R:
            try:
                return function(*args, **kw)
            except RelayError as exc:
                refuse(str(exc))
            except OperationalError:
                refuse("The database cannot be reached. Check DATABASE_URL and that it runs.")

        with_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")(guarded)
        return group.command(name)(with_appcontext(with_json))

    return decorate


def paged(function: Callable[P, R]) -> Callable[P, R]:
    """``--limit`` and ``--after`` of every list."""
    after = click.option("--after", type=int, help="Go on below this number.")(function)
    return click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)(
        after
    )


def iso(instant: datetime | None) -> str | None:
    """ISO 8601 in UTC, ending in Z."""
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def show(value: Any, as_json: bool, text: str) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2) if as_json else text)


def show_list(items: Sequence[dict[str, Any]], total: int, as_json: bool, *columns: str) -> None:
    """``{"items": […], "total": n}``, or a table of some columns."""
    if as_json:
        click.echo(json.dumps({"items": list(items), "total": total}, ensure_ascii=False, indent=2))
        return
    if not items:
        click.echo("None.")
        return
    rows = [[_cell(item.get(name)) for name in columns] for item in items]
    heads = [name.replace("_", " ").upper() for name in columns]
    widths = [max(len(row[n]) for row in [heads, *rows]) for n in range(len(columns))]
    for row in [heads, *rows]:
        click.echo(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    if total > len(items):
        click.echo(f"{len(items)} of {total}.")


def _cell(value: Any) -> str:
    text = (
        ", ".join(map(str, value))
        if isinstance(value, list)
        else str("" if value is None else value)
    )
    return text if len(text) <= 60 else text[:59] + "…"
