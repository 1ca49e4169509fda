"""Changing many rows at once without waiting for others in a circle.

A plain UPDATE of many rows locks them in whatever order it finds them, and even rows that somebody
else has just changed so that they fit no more.  Two of those can wait for each other, and the
database ends one: if that is a drain, it forgets what a destination answered.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute


def free(key: InstrumentedAttribute[int], wanted: ColumnElement[bool]) -> ColumnElement[bool]:
    """The same rows by their ``key``, without those that somebody else changes right now."""
    return key.in_(_of(key, wanted).with_for_update(skip_locked=True))


def in_order(key: InstrumentedAttribute[int], wanted: ColumnElement[bool]) -> ColumnElement[bool]:
    """The same rows, all of them: waits for others, lowest ``key`` first."""
    return key.in_(_of(key, wanted).order_by(key).with_for_update())


def _of(key: InstrumentedAttribute[int], wanted: ColumnElement[bool]) -> Any:
    return select(key).where(wanted)
