"""The pages of alerts: the list, one alert, its actions."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from relay import database
from relay.models import Alert, AlertEntry, db
from relay.rules.states import Severity
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from tests.dashboard.conftest import Visitor, text_of

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def add(app: Flask) -> Callable[..., int]:
    """``add(sentence, rule, subject, hours, **columns)``: an alert since so many hours.  -> its id"""

    def make(
        sentence: str, rule: str = "circuit_open", subject: str = "", hours: int = 1, **columns: Any
    ) -> int:
        with app.app_context():
            now = database.now(db.session)
            if columns.pop("resolved", False):
                columns["resolved_at"] = now
            since = now - timedelta(hours=hours)
            alert = Alert(
                rule=rule,
                subject=subject,
                sentence=sentence,
                advice="Wait.",
                since=since,
                **columns,
            )
            db.session.add(alert)
            db.session.commit()
            return alert.id

    return make


def read(app: Flask, alert_id: int) -> Alert:
    with app.app_context():
        alert = db.session.get_one(Alert, alert_id)
        db.session.expunge(alert)
        return alert


def test_the_list_has_the_open_alerts_in_words(
    app: Flask, add: Callable[..., int], visit: Callable[..., Visitor]
) -> None:
    with app.app_context():
        there = destination_settings.create_destination("inbox", "Slack <sales>", {}, COMMAND_LINE)
        to = f"destination:{there.id}"
    add("<b>Slack</b> is down.", subject=to, severity=Severity.CRITICAL, count=12)
    add(
        "A delivery failed.",
        "failed_delivery",
        to,
        severity=Severity.NOTICE,
        covered_by="circuit_open",
    )
    add("The disk was full.", "disk_space", resolved=True)
    page = visit("viewer").get("/alerts").text
    text = text_of(page)
    assert "Critical <b>Slack</b> is down. Wait. Slack <sales> started 1 h ago 12 affected" in text
    assert "<b>Slack" not in page
    assert text.index("is down.") < text.index("Same cause as") < text.index("A delivery failed.")
    assert text.index("A delivery failed.") < text.index("Past alerts")
    assert "reported by “Destination not responding”" in text
    assert "circuit_open" not in text and "destination:" not in text
    assert not re.search(r"<(summary|form)[^>]*>[^<]*<i[^>]*></i>Acknowledge", page)


def test_the_badge_counts_what_needs_attention(
    add: Callable[..., int], visit: Callable[..., Visitor]
) -> None:
    person = visit("viewer")
    assert 'class="count"' not in person.get("/ledger").text
    add("One.", subject="destination:1")
    add("Two.", subject="destination:2")
    add("Covered.", "failed_delivery", "destination:1", covered_by="circuit_open")
    for path in ("/", "/ledger"):
        page = person.get(path).text
        assert re.search(r'id="open-alert-count"[^>]*class="count"[^>]*>2</span>', page), path
    part = person.get("/alerts/count", headers=FRAGMENT).text
    assert part.startswith("<span") and ">2</span>" in part
    assert person.get("/alerts/count").location == "/alerts"


def test_past_alerts_come_in_pages(add: Callable[..., int], visit: Callable[..., Visitor]) -> None:
    for number in range(30):
        add(f"Past {number:02}.", resolved=True, hours=3)
    add("Open one.")
    person = visit("viewer")
    first = person.get("/alerts?rule=circuit_open").text
    assert len(set(re.findall(r"Past \d\d", first))) == 25 and "Open one." in first
    found = re.search(r'href="(/alerts\?rule=circuit_open&amp;after=\d+&amp;trail=0)"', first)
    assert found
    second = person.get(found[1].replace("&amp;", "&")).text
    assert len(set(re.findall(r"Past \d\d", second))) == 5 and "Open one." not in second
    assert "3 h" in text_of(second)


def test_the_fragment_has_the_open_alerts_only(
    add: Callable[..., int], visit: Callable[..., Visitor]
) -> None:
    add("Open one.")
    add("Past one.", resolved=True)
    part = visit("support").get("/alerts?severity=warning", headers=FRAGMENT).text
    assert part.lstrip().startswith('<div id="open-alerts" hx-get="/alerts?severity=warning"')
    assert "Open one." in part and "Past one." not in part and "data-keep-open" in part
    # after an action, the person returns to the list with its filter
    assert 'name="next" value="/alerts?severity=warning"' in part


def test_support_acts_and_the_timeline_shows_it(
    app: Flask, add: Callable[..., int], visit: Callable[..., Visitor]
) -> None:
    alert_id, support = add("Hook is down.", path="/destinations/1"), visit("support")
    here = f"/alerts/{alert_id}"
    answer = support.post(f"{here}/acknowledge", {"note": "It <i>moved</i>.", "next": "/alerts"})
    assert (answer.status_code, answer.location) == (303, "/alerts")
    listed = text_of(support.get("/alerts").text)
    assert "Acknowledged by support@example.com just now : “It <i>moved</i>.”" in listed
    assert support.post(f"{here}/snooze", {"for": "4h"}).location == here
    support.post(f"{here}/assign", {"owner": "support@example.com"})
    support.post(f"{here}/note", {"note": "Asked the agency."})
    found = read(app, alert_id)
    assert found.owner == "support@example.com" and found.snoozed_until is not None
    page = support.get(here).text
    text = text_of(page)
    assert "Acknowledged by support@example.com just now It <i>moved</i>." in text
    assert "Snoozed by support@example.com just now Until" in text
    assert "Note by support@example.com just now Asked the agency." in text
    assert "<i>moved" not in page and 'href="/destinations/1">View destination' in page
    support.post(f"{here}/end-snooze")
    assert read(app, alert_id).snoozed_until is None
    support.post(f"{here}/assign", {"owner": ""})
    assert read(app, alert_id).owner is None


def test_a_refused_action_says_why_and_changes_nothing(
    app: Flask, add: Callable[..., int], visit: Callable[..., Visitor]
) -> None:
    alert_id, support = add("Hook was down.", resolved=True), visit("support")
    for verb, form in (
        ("acknowledge", {"note": "x"}),
        ("snooze", {"for": "1h"}),
        ("assign", {"owner": "support@example.com"}),
    ):
        assert support.post(f"/alerts/{alert_id}/{verb}", form).status_code == 303
        assert "already resolved. Nothing was changed." in support.get("/").text, verb
    support.post(f"/alerts/{alert_id}/note", {"note": " "})
    assert "Write a note for your team." in support.get("/").text
    assert support.post("/alerts/999/note", {"note": "x"}).status_code == 404
    page = text_of(support.get(f"/alerts/{alert_id}").text)
    assert "Note for your team" in page and "Send nothing about it for" not in page
    with app.app_context():
        assert db.session.query(AlertEntry).count() == 0


def test_viewers_read_and_cannot_act(
    add: Callable[..., int], visit: Callable[..., Visitor]
) -> None:
    alert_id, viewer = add("Hook is down."), visit("viewer")
    assert "Save note" not in viewer.get(f"/alerts/{alert_id}").text
    for verb in ("acknowledge", "snooze", "end-snooze", "assign", "note"):
        assert viewer.post(f"/alerts/{alert_id}/{verb}", {"note": "x"}).status_code == 403


def test_messages_are_in_the_timeline(
    app: Flask, add: Callable[..., int], visit: Callable[..., Visitor]
) -> None:
    alert_id = add("Hook is down.")
    with app.app_context():
        for action, text in (
            ("opened", "Hook is down."),
            ("sent", "To Ops."),
            ("failed", "To SMS."),
        ):
            db.session.add(AlertEntry(alert_id=alert_id, action=action, text=text))
        db.session.commit()
    text = text_of(visit("viewer").get(f"/alerts/{alert_id}").text)
    assert text.count("Opened") == 1
    assert "Message sent just now To Ops. Message not sent just now To SMS." in text
