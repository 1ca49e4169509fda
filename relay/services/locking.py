"""Changing many rows at once without a deadlock.

A plain UPDATE of many rows locks them in any order, including rows that another transaction has
just changed so that they no longer match.  Two such updates can wait for each other until the
database cancels one of them; if that is a drain, it loses the result of a call.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute


def free(key: InstrumentedAttribute[int], wanted: ColumnElement[bool]) -> ColumnElement[bool]:
    """The matching rows by their ``key``, without those that another transaction has locked."""
    return key.in_(_of(key, wanted).with_for_update(skip_locked=True))


def in_order(key: InstrumentedAttribute[int], wanted: ColumnElement[bool]) -> ColumnElement[bool]:
    """All matching rows: waits for other transactions, lowest ``key`` first."""
    return key.in_(_of(key, wanted).order_by(key).with_for_update())


def _of(key: InstrumentedAttribute[int], wanted: ColumnElement[bool]) -> Any:
    return select(key).where(wanted)
