"""Which object an event is about, and which of two changes is newer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from relay.rules.changes import (
    Change,
    change_of,
    clock_sentence,
    ignored_fields,
    newer_sentence,
)


def order(revision: Any, **changes: Any) -> dict[str, Any]:
    event = {"event": "order.status_changed", "site": "https://shop.example.com", "data": {"id": 7}}
    return {**event, "revision": revision, **changes}


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (order(2, data={"id": "7"}), True),
        (order(2, event="order.created"), True),
        (order(2, event="x.order.refunded", data={"id": 9, "order_id": 7}), True),
        (order(2, site="HTTP://shop.example.com/"), True),
        (order(2, data={"id": 8}), False),
        (order(2, event="product.updated"), False),
        (order(2, event="x.booking", data={"id": 7}), False),
        (order(2, site="https://shop.example.com/fr"), False),
    ],
)
def test_what_is_the_same_object(other: dict[str, Any], same: bool) -> None:
    first, second = change_of(1, order(1)), change_of(1, other)
    assert first is not None and second is not None
    assert (first.object == second.object) is same


@pytest.mark.parametrize("bad", [None, True, -1, 1.5, "five", "", 2**63, [1], {}])
def test_an_event_without_a_valid_revision_is_no_change(bad: Any) -> None:
    assert change_of(1, order(bad)) is None
    assert bool(ignored_fields(order(bad))) is (bad is not None)
    assert change_of(1, order(1, data={"number": "7"})) is None


def test_a_revision_may_be_digits() -> None:
    found = change_of(1, order("12", occurred_at="2026-03-01T00:30:00+01:00"))
    assert found is not None
    assert (found.revision, found.occurred_s) == (12, 1772321400)


def change(revision: int, occurred_s: int | None = None, receipt: int = 0) -> Change:
    return Change(1, "k", revision, occurred_s, receipt)


def test_the_revision_decides_and_a_much_later_time_means_that_revisions_started_again() -> None:
    assert change(4).is_older_than(change(5))
    assert not change(5).is_older_than(change(5))
    assert change(4, 1000).is_older_than(change(5, 900)), "a clock that was corrected"
    restored = change(1, 10_000, receipt=2)
    assert not restored.is_older_than(change(5, 900, receipt=1)), "a restored database"
    assert restored.is_older_than(change(5, receipt=1))
    assert restored.is_older_than(change(5, 900, receipt=3)), "a clock that was far ahead"


def test_invalid_optional_fields_are_named() -> None:
    event = order(
        "x", occurred_at="yesterday", data={"id": 7, "current_status": 3, "initial": "no"}
    )
    assert [one.partition(" ")[0] for one in ignored_fields(event)] == [
        *("revision", "occurred_at", "data.current_status", "data.initial"),
    ]
    assert ignored_fields(order(3, data={"id": 7, "initial": True})) == []


def test_a_time_after_the_receipt_is_named() -> None:
    event, received_at = order(3, occurred_at="2026-03-01T12:06:00+00:00"), datetime(2026, 3, 1, 12)
    assert clock_sentence(event, received_at.replace(tzinfo=UTC))
    assert not clock_sentence(event, received_at.replace(minute=2, tzinfo=UTC))
    assert not clock_sentence(order(3), received_at.replace(tzinfo=UTC))


def test_the_sentence_names_the_object() -> None:
    assert newer_sentence("x.order.refunded").startswith("A newer change of this order was")
    assert newer_sentence("x.booking").startswith("A newer change of this object was")
