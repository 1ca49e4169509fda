"""How a drain and a lane share the places: the agreement in the row, and both at work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from relay.delivery import drain, gate, lane_drain, lanes
from relay.delivery.capacity import Capacity
from relay.delivery.drain import Drain
from relay.delivery.lane_drain import LocalLanes
from relay.delivery.lanes import LaneBeside
from relay.delivery.local_drains import LocalDrains
from relay.destinations import ALL_KINDS
from relay.destinations.base import Digest
from relay.models import Destination, db
from relay.rules.circuit import Circuit, CircuitState
from tests.delivery.shop import Shop, open_shop
from tests.support.network import wait_for
from tests.support.sink import Answer, Sink
from tests.support.world import delivery_states

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOON = NOW + timedelta(seconds=5)
FREE = SimpleNamespace(
    concurrency=8, lane_lead=None, lane_token=None, lane_until=None, lane_share=None
)
POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
OPEN = Circuit(CircuitState.OPEN, NOW, SOON, "It is down.")


def row(**columns: Any) -> SimpleNamespace:
    return SimpleNamespace(**(vars(FREE) | columns))


def registered(share: int | None = None, **columns: Any) -> SimpleNamespace:
    lane = {"lane_token": "lane", "lane_until": SOON, "lane_share": share}
    return row(**({"lane_lead": "lead"} | lane | columns))


def lead(is_busy: bool = True) -> LaneBeside:
    found = LaneBeside("lead", True)
    found.claimed(is_busy, is_busy)
    return found


def answer(side: LaneBeside, row: Any, calls: int = 8, **capacity: Any) -> dict[str, Any]:
    """What the leading drain writes to the row."""
    capacity = {"concurrency": row.concurrency} | capacity
    return side.columns(row, NOW, Capacity(**capacity), lambda: calls)


def test_a_busy_drain_calls_for_a_lane_and_takes_it_back_when_it_is_not_busy() -> None:
    side = lead()
    assert answer(side, row()) == {"lane_lead": "lead"}
    assert side.is_to_call() and not side.is_to_call(), "it calls now and then only"
    side.claimed(True, False)  # full claims, and no longer fast: still busy
    assert answer(side, row(lane_lead="lead")) == {}
    side.claimed(False, False)
    assert answer(side, row(lane_lead="lead")) == {"lane_lead": None}
    assert not side.is_to_call()
    assert answer(lead(is_busy=False), row()) == {}


@pytest.mark.parametrize(
    "capacity",
    [
        {"concurrency": 3},
        {"concurrency": 1},
        {"interval_s": 0.1},
        {"next_at": SOON},
        {"circuit": OPEN},
        {"circuit": Circuit(CircuitState.PROBING, NOW)},
        {"circuit": Circuit(since=NOW)},  # it has just closed: calls are slowed down
        {"digest": Digest(above=20)},
        {"max_batch": 10},
    ],
)
def test_there_is_no_lane_while_more_than_the_concurrency_limits_the_calls(
    capacity: dict[str, Any],
) -> None:
    assert answer(lead(), row(), **capacity) == {}
    assert answer(lead(), registered(), calls=0, **capacity) == {"lane_lead": None}
    assert answer(lead(), registered(4), calls=0, **capacity) == {"lane_lead": None}


def test_places_are_granted_only_after_the_calls_that_have_them_ended() -> None:
    side, asks = lead(), registered()
    assert side.read(asks, NOW) == 4, "it starts fewer calls at once"
    assert answer(side, asks, calls=5) == {}
    assert answer(side, asks, calls=4) == {"lane_share": 4}
    assert answer(side, asks, calls=4) == {}, "once for a row that was read"


def test_the_places_of_a_lane_are_free_after_it_left_or_its_lease_ended() -> None:
    side = lead()
    assert side.read(registered(4), NOW) == 4
    assert side.read(registered(4, concurrency=2), NOW) == 4, "until it has left"
    assert side.read(registered(4, lane_lead="another"), NOW) == 4
    assert side.read(registered(lane_lead="another"), NOW) == 0, "it was never granted"
    assert side.read(registered(4, lane_until=NOW), NOW) == 0
    assert side.read(row(lane_lead="lead"), NOW) == 0


def test_the_next_drain_leads_the_lane_unless_its_share_does_not_fit() -> None:
    assert answer(lead(False), registered(4, lane_lead="before")) == {"lane_lead": "lead"}
    assert answer(lead(False), registered(4, lane_lead="before", concurrency=6)) == {}
    assert answer(lead(False), registered(4, concurrency=6)) == {"lane_lead": None}


def test_nothing_starts_while_a_lane_has_all_places_that_there_are() -> None:
    assert Capacity(4, taken=8).slots(NOW).free == (-4, -4)
    assert replace(Capacity(4), taken=2).slots(NOW).free == (2, 1)


# ---- the row -------------------------------------------------------------------------------------


@pytest.fixture
def shop(app: Flask, sink: Sink) -> Shop:
    return open_shop(app, sink)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drain is busy with a short backlog."""
    monkeypatch.setattr(drain, "MAX_CLAIMS", 10)
    monkeypatch.setattr(drain, "MOST_CLAIMS", 10)
    monkeypatch.setattr(drain, "FAST_S", 60.0)
    # a lane in the process of the drain, for these tests
    monkeypatch.setattr(LocalDrains, "has", lambda *_: False)


def column(shop: Shop, name: str) -> Any:
    with shop.app.app_context():
        return db.session.scalar(select(Destination.__table__.c[name]))


def db_name(shop: Shop) -> str:
    with shop.app.app_context():
        return db.engine.dialect.name


def test_a_lane_registers_only_with_a_drain_that_wants_one(shop: Shop) -> None:
    def register(token: str) -> Any:
        with shop.app.app_context(), db.engine.begin() as connection:
            return lanes.register(connection, shop.hook, token)

    with shop.app.app_context():
        opened = Drain.open(shop.hook)
    assert opened is not None
    assert register("lane") is None, "the drain does not want one"
    shop.change(lane_lead="another drain")
    assert register("lane") is None
    shop.change(lane_lead=opened.token)
    assert register("lane").lane_token == "lane"
    assert register("second") is None
    shop.change(lane_share=2, lane_until=NOW)
    assert register("second").lane_share is None, "it has no share of the one before"
    with shop.app.app_context(), db.engine.begin() as connection:
        assert lanes.renew(connection, shop.hook, "lane") is None
        assert lanes.renew(connection, shop.hook, "second") is not None
    shop.change(lane_until=NOW)
    with shop.app.app_context(), db.engine.begin() as connection:
        assert lanes.renew(connection, shop.hook, "second") is None, "its lease has ended"
    shop.change(drain_until=NOW)
    assert register("third") is None, "no drain leads"


def test_a_kind_that_keeps_an_order_or_is_internal_has_no_lane(shop: Shop) -> None:
    possible = set()
    for slug, kind in ALL_KINDS.items():
        shop.change(kind=slug, config=dict(kind.example_config), drain_token=None)
        with shop.app.app_context(), db.engine.begin() as connection:
            found = gate.acquire(connection, shop.hook, "token")
            if Drain(found, "token", []).lane.is_possible:
                possible.add(slug)
            assert not Drain(found, "token", [("a step", "its AI service")]).lane.is_possible
    is_postgresql = db_name(shop) == "postgresql"
    assert possible == ({"webhook", "email", "inbox", "openai"} if is_postgresql else set())


# ---- both at work --------------------------------------------------------------------------------


def work_as_lane(shop: Shop, until: float) -> int:
    """Be a lane as soon as one is wanted.  -> deliveries with a result"""
    with shop.app.app_context():
        while time.monotonic() < until:
            if count := lane_drain.run(shop.hook):
                return count
            time.sleep(0.005)
    return 0


@contextmanager
def both(shop: Shop) -> Iterator[Future[int]]:
    """A drain and a lane work; the lane's future is given."""
    with ThreadPoolExecutor(2) as threads:
        until = time.monotonic() + 20
        lane = threads.submit(work_as_lane, shop, until)
        running = threads.submit(shop.drain)
        wait_for(lambda: column(shop, "lane_share"), 20, "a lane")
        shop.sink.wait(len(shop.sink.requests) + 20)
        yield lane
        running.result(timeout=60)


@POSTGRES
@pytest.mark.usefixtures("eager")
def test_both_deliver_everything_once_within_the_concurrency(shop: Shop, sink: Sink) -> None:
    sink.answer(delay_s=0.01)
    shop.put(200)
    with both(shop) as lane:
        assert lane.result(timeout=60) > 0
    assert delivery_states(shop.app) == {"delivered": 200}
    assert len(sink.requests) == 200 and sink.most <= 4
    assert column(shop, "lane_token") is None and column(shop, "drain_token") is None
    with shop.app.app_context():
        assert not LocalLanes.current().has(shop.hook)


@POSTGRES
@pytest.mark.usefixtures("eager")
def test_a_pause_stops_both(shop: Shop, sink: Sink) -> None:
    sink.answer(delay_s=0.02)
    shop.put(200)
    with both(shop) as lane:
        shop.change(state="paused")
        paused_at = time.monotonic()
        assert lane.result(timeout=20) < 200
    assert max(seen.at for seen in sink.requests) - paused_at < 0.5
    states = delivery_states(shop.app)
    assert set(states) == {"delivered", "pending"} and states["delivered"] == len(sink.requests)


@POSTGRES
@pytest.mark.usefixtures("eager")
def test_a_failure_ends_the_lane_and_the_drain_opens_the_circuit(shop: Shop, sink: Sink) -> None:
    sink.answers([*[Answer(delay_s=0.01)] * 100, Answer(503, delay_s=0.01)])
    shop.put(200)
    with both(shop) as lane:
        assert lane.result(timeout=20) < 200
    assert column(shop, "circuit") == "open" and column(shop, "lane_token") is None
    assert len(sink.requests) <= 100 + 10 + 4 + 4


@POSTGRES
@pytest.mark.usefixtures("eager")
def test_a_lane_that_was_replaced_starts_nothing_more(
    shop: Shop, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "MAX_CLAIMS", 40)
    sink.answer(delay_s=0.1)
    shop.put(80)
    with shop.app.app_context():
        opened = Drain.open(shop.hook)
        assert opened is not None
        shop.change(lane_lead=opened.token)
        with ThreadPoolExecutor(1) as thread:
            lane = thread.submit(work_as_lane, shop, time.monotonic() + 20)
            wait_for(lambda: column(shop, "lane_token"), 20, "a lane")
            assert sink.requests == [], "it started before its places were granted"
            shop.change(lane_share=2)
            sink.wait(2)
            shop.change(lane_token="another")
            before = len(sink.requests)
            assert lane.result(timeout=20) <= before + 8, "of 40 that it had claimed"
        assert sink.most <= 2 and column(shop, "lane_token") == "another"
        opened.close()


@POSTGRES
@pytest.mark.usefixtures("eager")
def test_a_lane_leaves_a_drain_of_an_older_version(shop: Shop, sink: Sink) -> None:
    sink.answer(delay_s=0.02)
    shop.put(200)
    with both(shop) as lane:
        # it took over the row and knows no lanes
        soon = datetime.now(UTC) + timedelta(seconds=60)
        shop.change(drain_token="older", drain_until=soon)
        changed_at = time.monotonic()
        lane.result(timeout=20)
    assert max(seen.at for seen in sink.requests) - changed_at < 0.5
    assert column(shop, "lane_token") is None and len(sink.requests) < 200


@POSTGRES
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("change", [{"concurrency": 2}, {"concurrency": 6}, {"config": None}])
def test_a_lane_leaves_when_a_setting_changes(
    shop: Shop, sink: Sink, change: dict[str, Any]
) -> None:
    sink.answer(delay_s=0.02)
    shop.put(200)
    with both(shop) as lane:
        if "config" in change:
            change = {"config": {"url": f"{sink.url}/other", "auth": "none"}}
        shop.change(**change)
        lane.result(timeout=20)
        assert len(sink.requests) < 170
    assert delivery_states(shop.app) == {"delivered": 200}


@pytest.mark.parametrize(
    ("hold", "is_alone", "counts"),
    [(None, False, True), ("a hold", False, False), (None, True, False)],
    ids=["working", "ending", "alone"],
)
def test_a_lane_that_starts_nothing_more_does_not_keep_a_drain_away(
    hold: str | None, is_alone: bool, counts: bool
) -> None:
    here = LocalLanes()
    with here.entered(7) as is_first:
        assert is_first and here.has(7), "it waits for its places"
        here.show(7, SimpleNamespace(hold=hold, is_alone=is_alone))
        assert here.has(7) is counts
        with here.entered(7) as is_first_again:
            assert not is_first_again
    assert not here.has(7)
