"""Quotas and AI caps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from relay import database
from relay.models import AiUse, Quota, db
from relay.rules.alerts import ReadingLevel
from relay.rules.states import AiUseState, Severity
from relay.services.alerts.readings import destinations
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from tests.services.alerts.problems import Shop
from tests.services.alerts.readings.conftest import Read


def add_quota(shop: Shop, remaining: int, per_s: float, resets_at: datetime, name: str) -> None:
    db.session.add(
        Quota(
            destination_id=shop.ids[0],
            name=name,
            label="calls per day",
            limit=10_000,
            remaining=remaining,
            read_at=shop.now,
            resets_at=resets_at,
            per_s=per_s,
        )
    )
    db.session.commit()


@pytest.mark.parametrize(
    ("hours", "remaining", "level", "severity"),
    [
        (20, 3600 * 5, ReadingLevel.FIRING, None),  # at 1 per second: in 5 hours
        (20, 3600 * 7, ReadingLevel.BETWEEN, None),
        (20, 3600 * 10, ReadingLevel.CLEAR, None),
        (3, 3600 * 5, ReadingLevel.CLEAR, None),  # it resets before
        (20, 0, ReadingLevel.FIRING, Severity.CRITICAL),
        (0.2, 0, ReadingLevel.CLEAR, None),  # it resets within minutes
    ],
)
def test_a_quota_that_runs_out(
    shop: Shop,
    read: Read,
    hours: float,
    remaining: int,
    level: ReadingLevel,
    severity: Severity | None,
) -> None:
    add_quota(shop, 9_000, 0.0, shop.now + timedelta(hours=20), "other")
    add_quota(shop, remaining, 1.0, shop.now + timedelta(hours=hours), "day")
    found = read(destinations.read)["quota_forecast"]
    assert (found.level, found.severity, found.subject) == (level, severity, shop.subject())
    if level is ReadingLevel.FIRING:
        assert found.sentence.endswith(f" {remaining:,} of 10,000 are left (calls per day).")
        assert "Hook" in found.sentence


def use(destination_id: int, count: int) -> None:
    values: dict[str, Any] = {
        "day": database.now(db.session).date(),
        "destination_id": destination_id,
        "model": "small-1",
        "state": AiUseState.SETTLED,
        "currency": "EUR",
        "cost": 100_000,
    }
    db.session.execute(insert(AiUse), [values] * count)
    db.session.commit()


def test_ai_caps_are_a_warning_and_then_critical(shop: Shop, read: Read) -> None:
    asked = destination_settings.create_destination(
        "openai",
        "Classifier",
        {
            "api_key": "sk-test-0123456789",
            "models": "small-1 0.25 2.00",
            "currency": "EUR",
            "day_cap": "1.00",
        },
        COMMAND_LINE,
    ).id
    seen = []
    for _ in range(3):
        use(asked, 4)
        found = read(destinations.read)["ai_budget"]
        seen.append((found.level, found.severity, found.value))
    assert seen == [
        (ReadingLevel.CLEAR, None, 40.0),
        (ReadingLevel.FIRING, None, 80.0),
        (ReadingLevel.FIRING, Severity.CRITICAL, 100.0),
    ]
    assert found.subject == f"destination:{asked}"
    assert found.sentence == (
        "Classifier (all AI steps and tests) used 100 % of today's cap: 1.20 EUR of 1.00 EUR."
    )
