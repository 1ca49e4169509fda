"""A drain that begins in the transaction that routes events."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, select, update

from relay.delivery import drain, opening, router
from relay.delivery.drain import Drain
from relay.delivery.local_drains import LocalDrains
from relay.models import Delivery, Destination, Subscription, db
from tests.delivery.shop import Shop, open_shop
from tests.support import world
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import delivery_states

POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


def owner(shop: Shop) -> str | None:
    """The token of the drain that owns the destination."""
    with shop.app.app_context():
        return db.session.scalar(select(Destination.drain_token))


def route(shop: Shop, count: int = 1) -> opening.Opener:
    """Store events and route them in one transaction."""
    for _ in range(count):
        world.put(shop.app, shop.slug, comment())
    opener = opening.Opener()
    with shop.app.app_context():
        assert router.route_batch(insert=opener.insert) == count
    return opener


def states_and_claims(shop: Shop) -> list[tuple[str, int]]:
    with shop.app.app_context():
        return [
            (row.state, row.claims)
            for row in db.session.execute(select(Delivery.state, Delivery.claims))
        ]


def test_new_deliveries_are_inserted_as_claimed(app: Flask, sink: Sink) -> None:
    shop = open_shop(app, sink)
    opener = route(shop, 2)
    assert opener.drain is not None and opener.drain.token == owner(shop)
    assert states_and_claims(shop) == [("in_flight", 1)] * 2
    with app.app_context():
        assert drain.run(shop.hook, opener.drain) == 2
    assert owner(shop) is None
    assert delivery_states(app) == {"delivered": 2}
    assert {request.path for request in sink.requests} == {"/hook"}


def test_nothing_is_left_of_a_transaction_that_fails(app: Flask, sink: Sink) -> None:
    shop = open_shop(app, sink)
    world.put(app, shop.slug, comment())
    opener = opening.Opener()

    def insert(
        connection: Connection, rows: Sequence[dict[str, Any]], active: Collection[int]
    ) -> None:
        opener.insert(connection, rows, active)
        raise InterruptedError

    with app.app_context(), pytest.raises(InterruptedError):
        router.route_batch(insert=insert)
    assert delivery_states(app) == {} and owner(shop) is None


def test_an_older_delivery_that_is_due_goes_first(app: Flask, sink: Sink) -> None:
    shop = open_shop(app, sink, concurrency=1)
    shop.put()
    opener = route(shop)
    assert opener.drain is not None
    first, second = (one.delivery_id for one in opener.drain.batch.claims)
    assert first < second
    assert states_and_claims(shop) == [("in_flight", 1)] * 2


@pytest.mark.parametrize(
    ("columns", "state"),
    [
        ({"state": "paused"}, "pending"),
        ({"rate_count": 1, "rate_unit": "minute"}, "in_flight"),
    ],
    ids=["paused", "paced"],
)
def test_limits_and_pauses_hold_for_new_deliveries(
    app: Flask, sink: Sink, columns: dict[str, Any], state: str
) -> None:
    shop = open_shop(app, sink, **columns)
    opener = route(shop, 3)
    assert opener.drain is not None
    assert states_and_claims(shop).count((state, int(state == "in_flight"))) >= 1
    if state == "in_flight":
        assert states_and_claims(shop).count(("pending", 0)) == 2, "one call a minute"
    else:
        with app.app_context():
            assert drain.run(shop.hook, opener.drain) == 0
        assert sink.requests == []


def test_deliveries_of_a_paused_subscription_wait(app: Flask, sink: Sink) -> None:
    shop = open_shop(app, sink)
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(update(Subscription).values(state="paused"))
    assert route(shop).drain is None
    assert states_and_claims(shop) == [("pending", 0)]


def test_a_fault_of_one_destination_does_not_stop_the_router(
    app: Flask, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop(app, sink)
    world.put(app, shop.slug, comment())
    monkeypatch.delattr(Drain, "may_take_new")
    with app.app_context():
        opening.route_and_send()
    assert delivery_states(app) == {"delivered": 1}


@POSTGRES
def test_the_router_does_not_wait_for_a_locked_destination(app: Flask, sink: Sink) -> None:
    shop = open_shop(app, sink)
    with app.app_context(), db.engine.begin() as other:
        other.execute(update(Destination).values(failures=0))
        with ThreadPoolExecutor(1) as thread:
            opener = thread.submit(route, shop).result(timeout=30)
        assert opener.drain is None
        assert states_and_claims(shop) == [("pending", 0)]


def test_the_router_leaves_a_destination_to_the_drain_that_works_for_it(
    app: Flask, sink: Sink
) -> None:
    shop = open_shop(app, sink)
    with app.app_context():
        with LocalDrains.current().listening(shop.hook, lambda: None):
            assert route(shop).drain is None
        first = Drain.open(shop.hook)
        assert first is not None
        assert route(shop).drain is None, "another process may have this drain"
        assert first.run() == 2
