"""From events to deliveries."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import insert, select

from relay.delivery import router
from relay.models import Delivery, db, db_now
from tests.delivery.shop import open_shop
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import delivery_states, put


@pytest.mark.parametrize("removed", ["subscription", "destination"])
def test_a_removed_subscription_gets_no_deliveries(app: Flask, sink: Sink, removed: str) -> None:
    shop = open_shop(app, sink)
    if removed == "subscription":
        shop.remove_subscription()
    else:
        shop.change(state="closed")
    shop.put()
    assert delivery_states(shop.app) == {}


def test_a_paused_subscription_gets_deliveries_that_wait(app: Flask, sink: Sink) -> None:
    shop = open_shop(app, sink)
    shop.close_subscription("paused")
    shop.put()
    assert shop.drain() == 0
    assert delivery_states(shop.app) == {"pending": 1}
    shop.close_subscription("active")
    assert shop.drain() == 1


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_removal_discards_what_is_routed_at_the_same_moment(app: Flask, sink: Sink) -> None:
    shop = open_shop(app, sink)
    event = SimpleNamespace(id=put(app, shop.slug, comment()))
    with app.app_context(), ThreadPoolExecutor(1) as thread:
        with db.engine.begin() as connection:
            (subscription,) = router.existing_subscriptions(connection)
            removing = thread.submit(shop.remove_subscription)
            shop.wait_for_lock()
            now = connection.scalar(select(db_now()))
            row = router.delivery_row(event, subscription, now)
            connection.execute(insert(Delivery), [row])
        removing.result(timeout=10)
    assert delivery_states(shop.app) == {"discarded": 1}
