"""Work that was left behind: expired leases, and due work for which nothing was woken."""

from __future__ import annotations

import pytest
from flask import Flask

from relay import database
from relay.delivery import recovery
from relay.delivery.claim import claim, claim_suspect
from relay.models import DeadLetter, Delivery, db
from tests.delivery.shop import Shop, open_shop, remove
from tests.support.sink import Sink
from tests.support.world import delivery_states


def claim_and_die(shop: Shop, count: int) -> None:
    """A worker claims that many deliveries and dies; their leases run out."""
    with shop.app.app_context(), db.engine.begin() as connection:
        claimed = claim(connection, shop.hook, count, database.now(connection))
        assert len(claimed) == count
    shop.end_leases()


def expire(shop: Shop) -> int:
    with shop.app.app_context():
        return recovery.expire_leases()


def test_an_expired_lease_makes_the_delivery_due_again_as_a_suspect(app: Flask, sink: Sink) -> None:
    shop = open_shop(app, sink)
    shop.put(2)
    claim_and_die(shop, 2)
    assert expire(shop) == 2
    assert delivery_states(shop.app) == {"pending": 2}
    assert [row.claims for row in shop.rows(Delivery)] == [1, 1]
    assert shop.outcomes() == ["lost", "lost"]
    assert expire(shop) == 0


def test_a_lease_that_lasts_is_left_alone(app: Flask, sink: Sink) -> None:
    shop = open_shop(app, sink)
    shop.put()
    with app.app_context(), db.engine.begin() as connection:
        claim(connection, shop.hook, 1, database.now(connection))
    assert expire(shop) == 0
    assert delivery_states(shop.app) == {"in_flight": 1}


def test_a_delivery_that_kills_its_worker_each_time_is_dead_in_the_end(
    app: Flask, sink: Sink
) -> None:
    shop = open_shop(app, sink)
    shop.put()
    (key,) = [row.key for row in shop.rows(Delivery)]
    shop.update_delivery(key, claims=4)
    with app.app_context(), db.engine.begin() as connection:
        assert claim_suspect(connection, shop.hook, database.now(connection))
    shop.end_leases()
    assert expire(shop) == 1
    assert delivery_states(shop.app) == {"dead": 1}
    assert [row.code for row in shop.rows(DeadLetter)] == ["worker_died"]


@pytest.mark.parametrize("removed", ["subscription", "destination"])
def test_a_delivery_whose_worker_died_is_discarded_when_its_lease_ends(
    app: Flask, sink: Sink, removed: str
) -> None:
    shop = open_shop(app, sink)
    shop.put(2)
    claim_and_die(shop, 2)
    remove(shop, removed)
    assert expire(shop) == 2
    shop.drain()
    assert delivery_states(shop.app) == {"discarded": 2}
    assert sink.requests == []
    assert shop.outcomes() == ["lost", "lost"]
    assert shop.rows(DeadLetter) == []


def test_what_is_due_wakes_its_drain_unless_the_destination_may_not_be_called(
    app: Flask, sink: Sink
) -> None:
    shop = open_shop(app, sink)
    with app.app_context():
        assert recovery.wake_due() == 0
        shop.put()
        broker = app.extensions["relay_broker"].broker
        broker.client.flushdb()
        for state, woken in (("paused", 0), ("closed", 0), ("active", 1)):
            shop.change(state=state)
            assert recovery.wake_due() == woken, state


def test_a_removed_subscription_wakes_no_drain(app: Flask, sink: Sink) -> None:
    shop = open_shop(app, sink)
    shop.put()
    with app.app_context():
        app.extensions["relay_broker"].broker.client.flushdb()
        shop.close_subscription()
        assert recovery.wake_due() == 0
