"""Lists in pages, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, ScalarSelect, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute

from relay.models import db
from relay.rules.counted import COUNTED

MAX_LIMIT = 500
T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """``items`` of this page, and ``next_after`` for the next page or None.

    ``total`` is the number of the whole filter, COUNTED + 1 for more than COUNTED, and None if it was
    not counted.  ``searched_to`` is set if the search stopped before the page was full: nothing
    older was examined.  ``exact`` items have the id that was searched for.
    """

    items: list[T]
    total: int | None
    next_after: int | None
    searched_to: datetime | None = None
    exact: int = 0


def counted(statement: Select[Any], most: int | None = None) -> ScalarSelect[int]:
    """How many rows ``statement`` has, for a statement; reads ``most`` + 1 (by default COUNTED + 1) at most."""
    some = statement.limit((COUNTED if most is None else most) + 1).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


def count_some(statement: Select[Any]) -> int:
    """How many rows ``statement`` has, at most COUNTED + 1."""
    return db.session.scalar(select(counted(statement))) or 0


def page_of(
    statement: Select[Any],
    key: InstrumentedAttribute[int],
    limit: int = 50,
    after: int | None = None,
    *options: Any,
) -> Page[T]:
    """One page of ``statement``, newest ``key`` first, below ``after``."""
    limit = max(1, min(limit, MAX_LIMIT))
    total = count_some(statement.with_only_columns(key))
    below: list[ColumnElement[bool]] = [] if after is None else [key < after]
    rows = db.session.scalars(
        statement.where(*below).order_by(key.desc()).limit(limit + 1).options(*options)
    ).all()
    items = list(rows[:limit])
    more = len(rows) > limit
    return Page(items, total, getattr(items[-1], key.key) if more else None)
