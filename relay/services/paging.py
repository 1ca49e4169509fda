"""Lists in pages, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute

from relay.models import db

MAX_LIMIT = 500
T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """``items`` of this page, ``total`` of the whole filter, ``next_after`` for the next page or None."""

    items: list[T]
    total: int
    next_after: int | None


def page_of(
    statement: Select[Any],
    key: InstrumentedAttribute[int],
    limit: int = 50,
    after: int | None = None,
    *options: Any,
) -> Page[T]:
    """One page of ``statement``, newest ``key`` first, below ``after``."""
    limit = max(1, min(limit, MAX_LIMIT))
    total = db.session.scalar(select(func.count()).select_from(statement.subquery())) or 0
    below: list[ColumnElement[bool]] = [] if after is None else [key < after]
    rows = db.session.scalars(
        statement.where(*below).order_by(key.desc()).limit(limit + 1).options(*options)
    ).all()
    items = list(rows[:limit])
    more = len(rows) > limit
    return Page(items, total, getattr(items[-1], key.key) if more else None)
