"""Late deliveries; pauses and circuits are in the tests of the evaluation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from relay.models import Destination, Subscription, db
from relay.rules.alerts import ReadingLevel
from relay.rules.lifecycle import State
from relay.rules.states import DestinationState, SubscriptionState
from relay.rules.status import WAITS_FOR_SECRET
from relay.services.alerts.readings import destinations
from tests.services.alerts.problems import Shop
from tests.services.alerts.readings.conftest import Read


def late(shop: Shop, minutes: float, **more: int) -> None:
    shop.deliveries(2, State.PENDING, shop.now - timedelta(minutes=minutes), **more)


def change(shop: Shop, **columns: Any) -> None:
    changed = update(Destination).where(Destination.id == shop.ids[0]).values(columns)
    db.session.execute(changed)
    db.session.commit()


@pytest.mark.parametrize(
    ("minutes", "level"),
    [(2, None), (3, ReadingLevel.BETWEEN), (5, ReadingLevel.FIRING), (90, ReadingLevel.FIRING)],
)
def test_a_delivery_is_late_after_five_minutes(
    shop: Shop, read: Read, minutes: float, level: ReadingLevel | None
) -> None:
    late(shop, minutes)
    found = read(destinations.read).get("late_delivery")
    assert (found and found.level) == level
    if found is not None:
        assert (found.subject, found.count) == (shop.subject(), 2)
        assert found.since == shop.now - timedelta(minutes=minutes)
        assert found.sentence.startswith("2 deliveries to Hook should have been sent already; ")


def test_what_may_not_be_sent_is_not_late(shop: Shop, read: Read) -> None:
    late(shop, 90, priority=1)  # a replay
    assert "late_delivery" not in read(destinations.read)
    late(shop, 90)
    assert "late_delivery" in read(destinations.read)
    for columns in (
        {"state": DestinationState.PAUSED},
        {"state": DestinationState.CLOSED},
        {"state": DestinationState.ACTIVE, "held_until": shop.now + timedelta(minutes=1)},
    ):
        change(shop, **columns)
        assert "late_delivery" not in read(destinations.read), columns
    change(shop, held_until=None)
    db.session.execute(update(Subscription).values(state=SubscriptionState.PAUSED))
    db.session.commit()
    assert "late_delivery" not in read(destinations.read)


def test_time_in_which_nothing_could_be_sent_does_not_count(shop: Shop, read: Read) -> None:
    late(shop, 90)
    change(shop, fixed_at=shop.now - timedelta(minutes=1))  # a person resumed it
    assert "late_delivery" not in read(destinations.read)
    change(shop, fixed_at=None, held_until=shop.now - timedelta(minutes=6))
    assert read(destinations.read)["late_delivery"].since == shop.now - timedelta(minutes=6)


def test_a_destination_that_waits_for_its_secret_is_reported(shop: Shop, read: Read) -> None:
    reason = f"{WAITS_FOR_SECRET}The vault at http://v does not answer. Relay retries."
    change(shop, held_until=shop.now - timedelta(seconds=50), held_reason=reason)
    found = read(destinations.read)["secret_unavailable"]
    assert (found.level, found.subject) == (ReadingLevel.FIRING, shop.subject())
    assert found.sentence == (
        "Deliveries to Hook wait for a secret. The vault at http://v does not answer. Relay retries."
    )
    for columns in (
        {"held_until": shop.now - timedelta(seconds=70)},
        {"held_until": shop.now, "held_reason": "The service asked for a pause."},
        {"held_reason": reason, "state": DestinationState.PAUSED},
    ):
        change(shop, **columns)
        assert "secret_unavailable" not in read(destinations.read), columns
