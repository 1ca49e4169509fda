"""The destination's row: one drain owns it, and SQL and Python agree on what may be sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from relay.delivery import gate
from relay.delivery.capacity import SOON_S, Capacity
from relay.destinations.base import Kind
from relay.models import AuditEntry, Destination, Subscription, db
from relay.rules.lifecycle import Accepted, Failed, Held, Refused, Signal
from relay.rules.status import SendPermission, destination_status, may_send
from tests.delivery.shop import Shop, open_shop
from tests.support.sink import Sink

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
INSTANTS = st.one_of(
    st.none(),
    st.just(NOW),
    st.integers(-3_000_000, 3_000_000).map(lambda n: NOW + timedelta(microseconds=n)),
)
ROWS = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["active", "active", "active", "paused", "closed"]),
        "held_until": INSTANTS,
        "circuit": st.sampled_from(["closed", "open", "probing"]),
        "circuit_since": INSTANTS,
        "circuit_until": INSTANTS,
        "paced_until": INSTANTS,
    }
)


@pytest.fixture
def shop(app: Flask, sink: Sink) -> Shop:
    return open_shop(app, sink)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(columns=ROWS, subscription=st.sampled_from(["active", "paused", "closed"]))
def test_sql_and_python_agree_on_what_may_be_sent(
    shop: Shop, columns: dict[str, Any], subscription: str
) -> None:
    with shop.app.app_context(), db.engine.connect() as connection:  # rolled back at the end
        connection.execute(update(Destination).values(columns))
        connection.execute(update(Subscription).values(state=subscription))
        row = connection.execute(select(Destination.__table__)).one()
        found = connection.execute(
            select(gate.may_send_now(NOW), gate.is_open(NOW), gate.is_removed()).join_from(
                Destination, Subscription
            )
        ).one()
    status = destination_status(row, NOW)
    is_now = status.may_send is SendPermission.NOW
    is_near = Capacity.of(row, Kind(), NOW).slots(NOW).wait_s <= SOON_S
    is_removed = may_send(status, subscription) is SendPermission.NEVER
    assert tuple(map(bool, found)) == (is_now, is_now and is_near, is_removed)
    assert (status.hold(NOW) is None) == is_now


def test_one_drain_at_a_time_owns_a_destination(shop: Shop) -> None:
    def acquire(token: str) -> bool:
        with db.engine.begin() as connection:
            return gate.acquire(connection, shop.hook, token) is not None

    with shop.app.app_context():
        assert acquire("first")
        assert not acquire("second")
        assert acquire("first"), "the owner renews its lease"
        with db.engine.begin() as connection:
            gate.release(connection, shop.hook, "second")
        assert not acquire("second"), "only the owner releases"
        with db.engine.begin() as connection:
            gate.release(connection, shop.hook, "first")
        assert acquire("second")
        shop.change(drain_until=NOW)
        assert acquire("third"), "a lease that has ended is free"
        with db.engine.begin() as connection:
            gate.save(connection, shop.hook, "second", {"failures": 7})
        assert db.session.scalar(select(Destination.failures)) == 0, "the second one lost it"


@pytest.mark.parametrize(
    ("signal", "hold"),
    [
        (Accepted(), None),
        (Failed("http_503", "Busy."), None),
        (Refused("http_400", "No."), None),
        (Failed("http_429", "Busy.", retry_after_s=30), 30.0),
        (Failed("http_429", "Busy.", retry_after_s=0), 1.0),
        (Failed("http_429", "Busy.", retry_after_s=1e9), 86_400.0),
        (Held("quota", "Used up.", 60), 60.0),
        (Held("quota", "Used up.", 1e9), gate.LONGEST_HOLD_S),
    ],
)
def test_a_result_can_hold_the_destination(shop: Shop, signal: Signal, hold: float | None) -> None:
    with shop.app.app_context():
        with db.engine.begin() as connection:
            held = gate.apply_hold(connection, shop.hook, signal, NOW)
        until = db.session.scalar(select(Destination.held_until))
    assert (held.wait_s if held else None) == hold
    assert until == (NOW + timedelta(seconds=hold) if hold else None)


def test_a_shorter_hold_does_not_replace_a_longer_one(shop: Shop) -> None:
    with shop.app.app_context():
        with db.engine.begin() as connection:
            gate.apply_hold(connection, shop.hook, Held("quota", "Used up.", 60), NOW)
            gate.apply_hold(connection, shop.hook, Held("quota", "Busy.", 5), NOW)
        row = db.session.execute(select(Destination.held_until, Destination.held_reason)).one()
    assert tuple(row) == (NOW + timedelta(seconds=60), "Used up.")


def test_refused_credentials_pause_the_destination_once_and_are_audited(shop: Shop) -> None:
    signal = Refused("http_401", "Wrong password.", pause=True)
    with shop.app.app_context():
        for _ in range(2):
            with db.engine.begin() as connection:
                held = gate.apply_hold(connection, shop.hook, signal, NOW)
            assert held == Held("paused", "Wrong password.")
        row = db.session.execute(select(Destination.state, Destination.paused_reason)).one()
        audited = db.session.scalars(
            select(AuditEntry).where(AuditEntry.action == "destination.pause")
        ).all()
    assert tuple(row) == ("paused", "Wrong password.")
    assert len(audited) == 1


def test_a_removed_destination_stays_removed(shop: Shop) -> None:
    shop.change(state="closed")
    with shop.app.app_context():
        with db.engine.begin() as connection:
            gate.pause(connection, shop.hook, "Wrong password.")
        assert db.session.scalar(select(Destination.state)) == "closed"
