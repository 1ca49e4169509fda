"""Lists of alerts and their filter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from relay import database
from relay.models import Alert, db
from relay.rules.states import Severity
from relay.services.alerts import listing
from relay.services.alerts.listing import AlertFilter


@pytest.fixture(autouse=True)
def now(app: Flask) -> Iterator[datetime]:
    with app.app_context():
        yield database.now(db.session)


def add(name: str, rule: str = "failure_rate", subject: str = "", **columns: Any) -> Alert:
    alert = Alert(rule=rule, subject=subject, sentence=name, advice="", **columns)
    db.session.add(alert)
    db.session.commit()
    return alert


def sentences(alerts: Any) -> list[str]:
    return [alert.sentence for alert in alerts]


def test_open_alerts_are_sorted_by_severity_then_age(now: datetime) -> None:
    hour = timedelta(hours=1)
    for name, severity, age in (
        ("notice", "notice", 9),
        ("critical, new", "critical", 1),
        ("warning", "warning", 5),
        ("critical, old", "critical", 3),
    ):
        add(name, subject=name, severity=Severity(severity), since=now - age * hour)
    add("resolved", subject="r", severity=Severity.CRITICAL, resolved_at=now)
    expected = ["critical, old", "critical, new", "warning", "notice"]
    assert sentences(listing.open_now()) == expected


def test_the_filter_selects_by_rule_severity_and_subject(now: datetime) -> None:
    add("one", subject="destination:1", severity=Severity.CRITICAL)
    add("eleven", subject="destination:11", severity=Severity.NOTICE)
    add("silent", "silent_site", "site:shop:order.created")
    add("books", "ledger.books", "shop 2026-11-25")
    add("other", "silent_site", "site:shop-2")
    add("disk", "disk_space", "")
    add("channel", "channel_failed", "channel:1")

    def found(**wanted: str) -> set[str]:
        return set(sentences(listing.open_now(AlertFilter(**wanted))))

    assert found(subject="destination:1") == {"one"}
    assert found(subject="site:shop") == {"silent", "books"}
    assert found(subject="installation") == {"disk", "channel"}
    assert found(rule="silent_site") == {"silent", "other"}
    assert found(severity="critical") == {"one"}
    assert "eleven" not in found(severity="warning") and len(found(severity="warning")) == 6
    assert found(rule="disk_space", subject="destination:1") == set()
    assert found(severity="nonsense") == found()


def test_past_alerts_come_in_pages(now: datetime) -> None:
    for number in range(5):
        add(f"{number}", resolved_at=now)
    add("open")
    page = listing.past(AlertFilter(), 2)
    assert (sentences(page.items), page.total) == (["4", "3"], 5)
    page = listing.past(AlertFilter(), 2, page.next_after)
    assert sentences(page.items) == ["2", "1"]
    assert sentences(listing.list_alerts(AlertFilter(), False).items)[0] == "open"
    assert sentences(listing.list_alerts(AlertFilter(), True).items) == ["open"]


def test_the_count_follows_the_rule_for_one_alert(now: datetime) -> None:
    for name, columns in {
        "fresh": {},
        "snooze over": {"snoozed_until": now - timedelta(seconds=5)},
        "seen": {"acknowledged_by": "ada@example.com", "acknowledged_at": now},
        "snoozed": {"snoozed_until": now + timedelta(hours=1)},
        "covered": {"covered_by": "circuit_open"},
        "resolved": {"resolved_at": now},
    }.items():
        add(name, subject=name, **columns)
    alerts = db.session.scalars(select(Alert)).all()
    fresh = [one.sentence for one in alerts if listing.needs_attention(one, now)]
    assert sorted(fresh) == ["fresh", "snooze over"]
    assert db.session.scalar(select(listing.count_needing_attention())) == len(fresh)


def test_an_alert_without_a_page_links_to_itself(app: Flask) -> None:
    plain, linked = add("one", subject="a"), add("two", subject="b", path="/ledger?source=shop")
    base = app.extensions["relay_config"].public_url
    assert listing.page_url(plain) == f"{base}/alerts/{plain.id}"
    assert listing.page_url(linked) == f"{base}/ledger?source=shop"
