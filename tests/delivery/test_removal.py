"""Once a subscription or a destination is removed, nothing more is sent for it."""

from __future__ import annotations

import pytest
from flask import Flask

from relay.delivery import recovery
from relay.delivery.claim import DatabaseClock, claim
from relay.models import Attempt, DeadLetter, Delivery, db
from tests.delivery.shop import Shop, open_shop
from tests.support.sink import Sink


def remove(shop: Shop, what: str) -> None:
    """Remove the subscription, or close the destination as its removal does."""
    if what == "subscription":
        shop.remove_subscription()
    else:
        shop.change(state="closed")


REMOVED = pytest.mark.parametrize("removed", ["subscription", "destination"])


@REMOVED
def test_a_delivery_whose_worker_died_is_discarded_when_its_lease_ends(
    app: Flask, sink: Sink, removed: str
) -> None:
    shop = open_shop(app, sink)
    shop.put(2)
    with app.app_context(), db.engine.begin() as connection:
        claim(connection, shop.hook, 2, DatabaseClock(connection).read)
    remove(shop, removed)
    shop.end_leases()
    with app.app_context():
        assert recovery.expire_leases() == 2
    shop.drain()
    assert shop.states() == {"discarded": 2}
    assert sink.requests == []
    assert shop.outcomes() == ["lost", "lost"]
    assert shop.rows(DeadLetter) == []


@REMOVED
def test_a_claimed_delivery_that_has_not_started_is_discarded(
    app: Flask, sink: Sink, removed: str
) -> None:
    shop = open_shop(app, sink, concurrency=1)
    sink.answer(delay_s=1.0)
    shop.put(3)
    with shop.draining():
        sink.wait(1)
        assert shop.states() == {"in_flight": 3}
        remove(shop, removed)
    assert shop.states() == {"delivered": 1, "discarded": 2}
    assert len(sink.requests) == 1
    assert shop.outcomes() == ["accepted"]


@REMOVED
@pytest.mark.parametrize(
    ("status", "state", "outcome"),
    [
        (200, "delivered", "accepted"),
        (400, "discarded", "refused"),
        (401, "discarded", "refused"),
        (429, "discarded", "failed"),
        (503, "discarded", "failed"),
    ],
)
def test_a_call_under_way_is_recorded_and_never_repeated(
    app: Flask, sink: Sink, removed: str, status: int, state: str, outcome: str
) -> None:
    shop = open_shop(app, sink)
    sink.answer(status, delay_s=1.0)
    shop.put()
    with shop.draining():
        sink.wait(1)
        remove(shop, removed)
    assert shop.states() == {state: 1}
    (attempt,), (delivery,) = shop.rows(Attempt), shop.rows(Delivery)
    assert (attempt.outcome, attempt.status) == (outcome, status)
    assert (delivery.attempts, delivery.settled_at is not None) == (1, True)
    assert shop.rows(DeadLetter) == []
    shop.end_leases()
    shop.make_due()
    shop.drain()
    assert len(sink.requests) == 1


def test_a_delivery_that_was_written_during_the_removal_is_never_sent(
    app: Flask, sink: Sink
) -> None:
    shop = open_shop(app, sink)
    shop.remove_subscription()
    shop.put()
    assert shop.states() == {}
    shop.change(state="closed")
    shop.drain()
    with app.app_context():
        assert recovery.wake_due() == 0
    assert sink.requests == []
