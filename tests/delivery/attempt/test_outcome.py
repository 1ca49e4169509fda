"""How results are written: fenced by the lease, once, and never against a removal."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection

from relay import database
from relay.delivery.attempt.outcome import DeliveryResult, postponed, result_of, write_results
from relay.delivery.attempt.result import AttemptResult
from relay.delivery.claim import Claim, claim
from relay.models import Attempt, DeadLetter, Delivery, db
from relay.rules.lifecycle import DEFAULT_POLICY, Accepted, Failed, Held, Refused, Signal
from tests.delivery.shop import Shop, open_shop
from tests.support.sink import Sink
from tests.support.world import delivery_states

FAILED = Failed("http_503", "Busy.")
REFUSED = Refused("http_400", "No.", field="email")


@pytest.fixture
def shop(app: Flask, sink: Sink) -> Shop:
    shop = open_shop(app, sink)
    shop.put(2)
    return shop


def claimed(shop: Shop) -> list[Claim]:
    with shop.app.app_context(), db.engine.begin() as connection:
        return claim(connection, shop.hook, 2, database.now(connection))


def result(shop: Shop, one: Claim, signal: Signal, now: datetime, **more: Any) -> DeliveryResult:
    attempt = AttemptResult(signal, f"attempt-{one.delivery_id}", 200, 1.0, {}, {}, **more)
    return result_of(one, attempt, DEFAULT_POLICY, shop.hook, 1, now)


def write(shop: Shop, claims: list[Claim], signal: Signal, **more: Any) -> int:
    with shop.app.app_context(), db.engine.begin() as connection:
        now = database.now(connection)
        results = [result(shop, one, signal, now, **more) for one in claims]
        return write_results(connection, results, now)


@pytest.mark.parametrize(
    ("signal", "state"),
    [
        (Accepted(), "delivered"),
        (FAILED, "pending"),
        (REFUSED, "dead"),
        (Held("quota", "Used up.", 60), "pending"),
    ],
)
def test_results_are_written_together(shop: Shop, signal: Signal, state: str) -> None:
    assert write(shop, claimed(shop), signal) == 2
    assert delivery_states(shop.app) == {state: 2}
    assert len(shop.rows(Attempt)) == 2
    assert len(shop.rows(DeadLetter)) == (2 if state == "dead" else 0)


def test_what_a_reply_holds_is_due_as_soon_as_the_hold_ends(shop: Shop) -> None:
    write(shop, claimed(shop), Held("quota", "Used up.", 3600))
    assert len(claimed(shop)) == 2


def test_what_waits_for_its_ai_step_is_due_later(shop: Shop) -> None:
    write(shop, claimed(shop), Held("busy", "Waits for AI.", 3600), was_made=False, calls=0)
    assert claimed(shop) == []


def test_a_result_whose_lease_was_taken_away_only_adds_its_attempt(shop: Shop) -> None:
    claims = claimed(shop)
    stale = [replace(one, life=replace(one.life, lease_token="another")) for one in claims]
    assert write(shop, stale, REFUSED) == 0
    assert delivery_states(shop.app) == {"in_flight": 2}
    assert (len(shop.rows(Attempt)), shop.rows(DeadLetter)) == (2, [])
    assert write(shop, claims, Accepted()) == 2, "and the owner's result counts"


def test_results_that_are_written_twice_add_one_attempt(shop: Shop) -> None:
    claims = claimed(shop)
    assert (write(shop, claims, REFUSED), write(shop, claims, REFUSED)) == (2, 0)
    assert (len(shop.rows(Attempt)), len(shop.rows(DeadLetter))) == (2, 2)


def test_a_postponed_delivery_keeps_its_last_error_and_loses_no_attempt(shop: Shop) -> None:
    write(shop, claimed(shop), FAILED)
    shop.make_due()
    claims = claimed(shop)
    with shop.app.app_context(), db.engine.begin() as connection:
        now = database.now(connection)
        write_results(connection, [postponed(one, shop.hook, now) for one in claims], now)
    rows = shop.rows(Delivery)
    assert [(row.state, row.attempts, row.claims) for row in rows] == [("pending", 1, 0)] * 2
    assert [row.last_error for row in rows] == ["Busy."] * 2
    assert len(claimed(shop)) == 2, "it is due at once"


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
@pytest.mark.parametrize("signal", [FAILED, REFUSED])
def test_a_removal_and_a_result_at_the_same_moment_leave_nothing_that_waits(
    shop: Shop, signal: Signal
) -> None:
    claims = claimed(shop)
    with shop.app.app_context(), ThreadPoolExecutor(1) as thread:
        with db.engine.begin() as connection:  # the result is written first
            now = database.now(connection)
            write_results(connection, [result(shop, claims[0], signal, now)], now)
            removing = thread.submit(shop.remove_subscription)
            shop.wait_for_lock()
        removing.result(timeout=10)
    assert write(shop, claims[1:], signal) == 1
    assert delivery_states(shop.app) == {"discarded": 2}


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_result_waits_for_a_removal_that_is_not_committed(shop: Shop) -> None:
    claims = claimed(shop)

    def close(connection: Connection) -> None:
        connection.exec_driver_sql("UPDATE subscription SET state = 'closed'")

    with shop.app.app_context(), ThreadPoolExecutor(1) as thread:
        with db.engine.begin() as connection:
            close(connection)
            writing = thread.submit(write, shop, claims, FAILED)
            shop.wait_for_lock()
        assert writing.result(timeout=10) == 2
    assert delivery_states(shop.app) == {"discarded": 2}
