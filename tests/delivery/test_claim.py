"""Claims: what is due, in which order it is taken, and that nobody takes it twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select, text

from relay import database
from relay.delivery.capacity import Capacity
from relay.delivery.claim import (
    LEASE_S,
    Batch,
    Claim,
    DueWork,
    claim,
    claim_batch,
    claim_suspect,
    due_work,
)
from relay.destinations.base import Digest, Kind
from relay.models import Delivery, Replay, Subscription, db
from relay.models.delivery import LIVE, REPLAYED
from tests.delivery.shop import Shop, open_shop
from tests.support.sink import Sink


@pytest.fixture
def shop(app: Flask, sink: Sink) -> Shop:
    return open_shop(app, sink)


def within(shop: Shop, ask: Callable[..., Any], *args: Any, **more: Any) -> Any:
    """The answer of ``ask(connection, destination_id, *args)``, committed."""
    with shop.app.app_context(), db.engine.begin() as connection:
        return ask(connection, shop.hook, *args, **more)


def taken(shop: Shop, limit: int = 10, **more: Any) -> list[Claim]:
    with shop.app.app_context(), db.engine.begin() as connection:
        now = database.now(connection)
        claims: list[Claim] = claim(connection, shop.hook, limit, now, **more)
        return claims


def change(shop: Shop, *numbers: int, **columns: Any) -> None:
    """Change the deliveries at these places, in the order in which they were written."""
    rows = shop.rows(Delivery)
    for number in numbers:
        shop.update_delivery(rows[number].key, **columns)


def test_the_oldest_due_is_claimed_first_and_once(shop: Shop) -> None:
    shop.put(3)
    first, second, third = shop.rows(Delivery)
    change(shop, 2, due_at=first.due_at - timedelta(seconds=1))
    claimed = {one.delivery_id for one in taken(shop, 2)}
    assert claimed == {third.id, first.id}
    assert [one.delivery_id for one in taken(shop)] == [second.id]
    assert taken(shop) == []


def test_a_claim_has_a_lease_of_its_own(shop: Shop) -> None:
    shop.put(2)
    one, other = taken(shop, 1), taken(shop, 1)
    (row, _) = shop.rows(Delivery)
    assert row.lease_token == one[0].life.lease_token != other[0].life.lease_token
    assert one[0].life.lease_until is not None
    assert (row.claims, one[0].life.claims, one[0].is_suspect) == (1, 1, False)


def test_an_ai_step_makes_the_lease_longer(shop: Shop) -> None:
    shop.put(2)
    with shop.app.app_context(), db.engine.begin() as connection:
        now = database.now(connection)
        (subscription,) = connection.scalars(select(Subscription.id))
        (plain,) = claim(connection, shop.hook, 1, now)
        (asking,) = claim(connection, shop.hook, 1, now, LIVE, {subscription: 15.0})
    assert plain.life.lease_until == now + timedelta(seconds=LEASE_S)
    assert asking.life.lease_until == now + timedelta(seconds=LEASE_S + 15)
    assert asking.call_s == plain.call_s + 15


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_nothing_is_due_for_a_subscription_that_is_not_active(shop: Shop, state: str) -> None:
    shop.put(2)
    shop.close_subscription(state)
    assert within(shop, due_work) == DueWork()
    assert taken(shop) == []


def test_what_is_due_is_known_by_its_sort(shop: Shop) -> None:
    shop.put(3)
    assert within(shop, due_work) == DueWork(live=True)
    change(shop, 0, claims=1)
    assert within(shop, due_work) == DueWork(suspects=True, live=True)
    change(shop, 1, 2, priority=REPLAYED)
    assert within(shop, due_work) == DueWork(suspects=True, replays=True)


def test_suspects_are_claimed_one_at_a_time_and_never_with_others(shop: Shop) -> None:
    shop.put(3)
    change(shop, 0, 1, claims=1)
    assert len(taken(shop)) == 1
    with shop.app.app_context(), db.engine.begin() as connection:
        (suspect,) = claim_suspect(connection, shop.hook, database.now(connection))
    assert suspect.is_suspect


@pytest.mark.parametrize(
    ("count", "running", "is_digest", "claimed"),
    [(3, 0, True, 3), (2, 0, False, 2), (3, 1, True, 3)],
)
def test_a_backlog_is_claimed_as_one_digest(
    shop: Shop, count: int, running: int, is_digest: bool, claimed: int
) -> None:
    shop.put(count)
    batch = batch_of(shop, Capacity(4, digest=Digest(above=2, most=10)), running)
    assert (batch.is_digest, len(batch.claims)) == (is_digest, claimed)


def batch_of(shop: Shop, capacity: Capacity, running: int = 0, **more: Any) -> Batch:
    with shop.app.app_context(), db.engine.begin() as connection:
        now = database.now(connection)
        slots = capacity.slots(now, running, 50)
        return claim_batch(connection, shop.hook, Kind(), slots, running, now, **more)


def test_no_digest_replaces_deliveries_that_need_the_ais_answer(shop: Shop) -> None:
    shop.put(3)
    batch = batch_of(shop, Capacity(4, digest=Digest(above=2)), may_digest=False)
    assert (batch.is_digest, len(batch.claims)) == (False, 3)


def test_a_suspect_waits_until_nothing_runs(shop: Shop) -> None:
    shop.put(2)
    change(shop, 0, claims=1)
    assert not any(one.is_suspect for one in batch_of(shop, Capacity(4), running=1).claims)
    (suspect,) = batch_of(shop, Capacity(4)).claims
    assert suspect.is_suspect


def test_nothing_is_claimed_before_the_rate_limit_allows_a_call(shop: Shop) -> None:
    shop.put(2)
    with shop.app.app_context(), db.engine.connect() as connection:
        soon = database.now(connection) + timedelta(seconds=60)
    assert batch_of(shop, Capacity(4, interval_s=60, next_at=soon)) == Batch()
    assert len(batch_of(shop, Capacity(4, interval_s=60)).claims) == 1


def test_replays_are_claimed_when_no_live_event_is_due_and_leave_one_place(shop: Shop) -> None:
    shop.put(4)
    change(shop, 0, 1, 2, priority=REPLAYED)
    assert [one.priority for one in batch_of(shop, Capacity(2)).claims] == [LIVE]
    assert batch_of(shop, Capacity(2), running=1) == Batch()
    assert [one.priority for one in batch_of(shop, Capacity(2)).claims] == [REPLAYED]
    assert len(batch_of(shop, Capacity(8)).claims) == 2


@pytest.mark.parametrize("state", ["paused", "cancelled"])
def test_a_replay_that_does_not_run_is_not_claimed(shop: Shop, state: str) -> None:
    shop.put()
    with shop.app.app_context():
        replay = Replay(token="t", title="A", requested_by="jane", total=1, state=state)
        db.session.add(replay)
        db.session.commit()
        number = replay.id
    change(shop, 0, priority=REPLAYED, replay_id=number)
    assert within(shop, due_work) == DueWork()
    assert batch_of(shop, Capacity(4)) == Batch()


def plan_nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from plan_nodes(child)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_claim_reads_no_more_of_a_backlog_than_it_takes(shop: Shop) -> None:
    """Also while the server has no statistics about a table that has just grown."""
    shop.put(1)
    backlog = text(
        "INSERT INTO delivery (key, event_pk, subscription_id, destination_id, state, due_at) "
        "SELECT 'key' || n, 1000 + n, subscription_id, destination_id, 'pending', due_at "
        "FROM delivery, generate_series(1, 3000) AS n"
    )
    with shop.app.app_context(), db.engine.begin() as connection:
        connection.execute(backlog)
        now = database.now(connection)
        executed: list[tuple[str, Any]] = []
        event.listen(
            connection, "before_cursor_execute", lambda *seen: executed.append((seen[2], seen[3]))
        )
        assert claim(connection, shop.hook, 50, now)
        (sql, values), *_ = executed
        connection.exec_driver_sql(
            "UPDATE delivery SET state = 'pending', due_at = now(), starts = 0"
        )
        ((found,),) = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", values)
    nodes = list(plan_nodes(found[0]["Plan"]))
    assert {node["Node Type"] for node in nodes if node.get("Relation Name") == "delivery"} == {
        "ModifyTable",
        "Index Scan",
    }
    assert max(node["Actual Rows"] * node["Actual Loops"] for node in nodes) == 50
