"""Finished deliveries are counted with their results: once each, replays apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from relay import database
from relay.delivery.attempt.outcome import result_of, write_results
from relay.delivery.attempt.result import AttemptResult
from relay.delivery.claim import Claim, claim
from relay.models import DeliveryMinute, db
from relay.rules.lifecycle import DEFAULT_POLICY, Accepted, Failed, Refused, Signal, State
from tests.delivery.shop import Shop, open_shop
from tests.support.sink import Sink

FAILED = Failed("http_503", "Busy.")
REFUSED = Refused("http_400", "No.")


@pytest.fixture
def shop(app: Flask, sink: Sink) -> Shop:
    shop = open_shop(app, sink)
    shop.put(4)
    return shop


def finish(shop: Shop, signals: list[Signal], **life: Any) -> list[Claim]:
    """Claim a delivery for each signal, and write that result."""
    with shop.app.app_context(), db.engine.begin() as connection:
        now = database.now(connection)
        claims = claim(connection, shop.hook, len(signals), now)
        write(shop, connection, claims, signals, **life)
    return claims


def write(
    shop: Shop, connection: Any, claims: list[Claim], signals: list[Signal], **life: Any
) -> None:
    now = database.now(connection)
    results = []
    for one, signal in zip(claims, signals, strict=True):
        attempt = AttemptResult(signal, f"{one.delivery_id}-{life}", 200, 1.0, {}, {})
        changed = replace(one, life=replace(one.life, **life))
        results.append(result_of(changed, attempt, DEFAULT_POLICY, shop.hook, 1, now))
    write_results(connection, results, now)


def counts(shop: Shop) -> tuple[int, int, int, int]:
    rows = shop.rows(DeliveryMinute)
    assert all(row.destination_id == shop.hook and row.minute.second == 0 for row in rows)
    return (
        sum(row.delivered for row in rows),
        sum(row.failed for row in rows),
        sum(row.replays_delivered for row in rows),
        sum(row.replays_failed for row in rows),
    )


def test_deliveries_count_when_they_are_finished(shop: Shop) -> None:
    finish(shop, [Accepted(), FAILED, REFUSED])
    assert counts(shop) == (1, 1, 0, 0), "a delivery that is retried is not finished"


def test_counts_of_several_writes_add_up(shop: Shop) -> None:
    finish(shop, [Accepted(), Accepted()])
    finish(shop, [Accepted(), REFUSED])
    assert counts(shop) == (3, 1, 0, 0)


def test_replays_count_apart(shop: Shop) -> None:
    finish(shop, [Accepted(), REFUSED], revived_from=State.DEAD)
    assert counts(shop) == (0, 0, 1, 1)


def test_a_result_without_a_valid_lease_does_not_count(shop: Shop) -> None:
    claims = finish(shop, [Accepted(), REFUSED])
    with shop.app.app_context(), db.engine.begin() as connection:
        write(shop, connection, claims, [Accepted(), REFUSED])
        write(shop, connection, claims, [Accepted(), REFUSED], lease_token="another")
    assert counts(shop) == (1, 1, 0, 0)
