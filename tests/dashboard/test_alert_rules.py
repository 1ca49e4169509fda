"""The page of the alert rules."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from relay import database
from relay.models import AlertEvaluation, db
from relay.rules.alerts import RULES
from relay.services.alerts.rules import EffectiveRule, effective
from tests.dashboard.conftest import Visitor, text_of

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def setting(app: Flask, rule: str) -> EffectiveRule:
    with app.app_context():
        return effective(db.session.connection(), database.now(db.session))[rule]


def evaluate(app: Flask, values: list[float]) -> None:
    """What the failure rate sees of as many destinations, with samples of one hour."""
    with app.app_context():
        for number, value in enumerate(values):
            db.session.add(
                AlertEvaluation(
                    rule="failure_rate",
                    subject=f"destination:{number}",
                    value=value,
                    samples=[[1_800_000_000, 0], [1_800_003_600, value]],
                )
            )
        db.session.commit()


def test_every_rule_is_shown_in_words(app: Flask, visit: Callable[..., Visitor]) -> None:
    text = text_of(visit("viewer").get("/alerts/rules").text)
    for rule in RULES.values():
        assert rule.label in text and " ".join(rule.help.split()) in text
    assert "Threshold: 1,024 MiB" in text
    assert "Only an admin can change thresholds" in text
    assert not re.search(r"\b\w+_\w+\b", text.replace("REDIS_URL", ""))  # no codes


def test_the_worst_three_have_a_chart_and_the_rest_a_link(
    app: Flask, visit: Callable[..., Visitor]
) -> None:
    evaluate(app, [1, 5, 2, 4, 3])
    person = visit("viewer")
    page = person.get("/alerts/rules").text
    text = text_of(page)
    names = ["Destination 1", "Destination 3", "Destination 4"]
    assert [name for name in names if name in text] == names
    assert "Destination 0" not in text and "2 more" in text
    assert page.count("<polyline") == 3 and page.count('class="limit"') == 3
    label = "lowest 0 %, highest 5 %, last 5 %. Threshold: 2 %."
    assert f'aria-label="Destination 1. From 08:00 to 09:00 UTC: {label}"' in page
    whole = person.get("/alerts/rules?rule=failure_rate").text
    assert whole.count("<polyline") == 5 and "Disk nearly full" not in whole
    assert person.get("/alerts/rules?rule=nonsense").status_code == 404


def test_an_admin_changes_a_threshold(app: Flask, admin: Visitor) -> None:
    answer = admin.post("/alerts/rules/failure_rate/threshold", {"threshold": "3,5"})
    assert answer.location == "/alerts/rules#rule-failure_rate"
    assert setting(app, "failure_rate").threshold == 3.5
    page = text_of(admin.get("/alerts/rules").text)
    assert "Threshold saved: 3.5 %." in page and "Use default: 2 %" in page
    for wrong, why in (
        ("0", "from 0.1 to 100 %"),
        ("many", "Enter a number."),
        ("nan", "a number"),
    ):
        admin.post("/alerts/rules/failure_rate/threshold", {"threshold": wrong})
        assert why in admin.get("/alerts/rules").text
    admin.post("/alerts/rules/failure_rate/threshold", {"do": "default", "threshold": "9"})
    assert not setting(app, "failure_rate").is_set
    missing = admin.post("/alerts/rules/nonsense/threshold", {"threshold": "9"})
    assert missing.status_code == 404


def test_an_admin_mutes_a_rule_and_ends_it(app: Flask, admin: Visitor) -> None:
    admin.post("/alerts/rules/late_delivery/mute", {"for": "1d"})
    assert setting(app, "late_delivery").muted_until is not None
    assert "Muted, ends in 1 day" in text_of(admin.get("/alerts/rules").text)
    admin.post("/alerts/rules/late_delivery/mute", {"for": ""})
    found = setting(app, "late_delivery")
    assert found.is_muted and found.muted_until is None
    admin.post("/alerts/rules/late_delivery/unmute")
    assert not setting(app, "late_delivery").is_muted
    admin.post("/alerts/rules/late_delivery/unmute")
    assert "is not muted. Nothing was changed." in admin.get("/alerts/rules").text


def test_support_cannot_change_rules(app: Flask, visit: Callable[..., Visitor]) -> None:
    support = visit("support")
    for verb in ("threshold", "mute", "unmute"):
        assert support.post(f"/alerts/rules/failure_rate/{verb}", {}).status_code == 403
    assert (
        "<form"
        not in support.get("/alerts/rules").text.partition('id="rules"')[2].partition("toasts")[0]
    )
