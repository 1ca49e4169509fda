"""The ledger page, its links, its CSV export and its alerts."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import delete

from relay.models import Event, Intake, Source, db
from relay.services.alerts import state as alerts
from relay.services.ledger import check as ledger_check
from tests.dashboard.conftest import Visitor, text_of
from tests.ingest.conftest import Sender
from tests.services.ledgers import pass_days, today
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World, make, move, put

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world(app: Flask, sink: Sink) -> Iterator[World]:
    """One comment sent to ingest: delivered to the inbox, rejected by the hook."""
    made = make(app, sink)
    with app.app_context():
        for table in ("attempt", "dead_letter", "delivery", "event"):
            db.session.execute(delete(db.metadata.tables[table]))
        db.session.commit()
    Sender(app, made.slug, made.key_id, made.secret).send(comment())
    move(app, made.inbox, made.hook)
    yield made
    app.extensions["relay_ingest"].close()


def day_of(app: Flask, ago: int = 0) -> date:
    with app.app_context():
        return today() - timedelta(days=ago)


def test_the_page_says_that_the_numbers_match_and_links_to_them(
    app: Flask, world: World, visit: Callable[..., Visitor]
) -> None:
    viewer, day = visit("viewer"), day_of(app)
    page = viewer.get("/ledger").text
    assert "Every event is accounted for." in page
    assert "1 event received, 1 of 2 deliveries completed, 1 failed." in text_of(page)
    assert f"1 of 1 comment from {day.day} {day:%B %Y} reached Inbox; 0 of 1 reached Hook." in page
    there = f"source={world.slug}&amp;since={day}&amp;until={day}"
    for path in (f"/events?{there}", f"/events?{there}&amp;state=dead", "/destinations/1"):
        assert path in page, path
        assert viewer.get(path.replace("&amp;", "&")).status_code == 200


def test_the_numbers_match_the_lists_they_link_to(app: Flask, world: World, admin: Visitor) -> None:
    data = {"day": "2026-03-01", "until": "2026-03-02T00:20:00Z", "counts": {}, "plugin": "1.0"}
    report = put(app, world.slug, comment(event="relay.report", data=data))
    day = day_of(app)
    events = admin.get(f"/events?source={world.slug}&since={day}&until={day}").text
    assert events.count("New comment</a>") == 1 and "Daily site report" not in events
    assert "Daily site report" in admin.get("/events?type=relay.report").text
    story = admin.get(f"/events/{report}").text
    assert "Internal event" in story and "No subscription matches" not in story
    assert '<span class="h1 mb-0 d-block">1</span>' in admin.get("/").text
    assert 'value="relay.report"' not in admin.get("/destinations/new?kind=inbox").text


def test_a_gap_is_marked_at_its_day_and_at_the_top(
    app: Flask, world: World, admin: Visitor
) -> None:
    with app.app_context():
        db.session.query(Intake).update({"received": 3})
        db.session.commit()
    page = admin.get("/ledger").text
    assert "Some numbers do not match." in page and "Does not match</span>" in page
    assert "Every event is accounted for." not in page


def test_the_filter_takes_a_site_and_a_period_and_defaults_to_the_last_week(
    app: Flask, world: World, admin: Visitor
) -> None:
    with app.app_context():
        pass_days(10)
    day = day_of(app, 10)
    line = f'id="line-{world.slug}-{day}"'
    assert line not in admin.get("/ledger").text
    assert line in admin.get(f"/ledger?since={day}").text
    assert line in admin.get(f"/ledger?source={world.slug}&since={day}&until={day}").text
    assert line not in admin.get(f"/ledger?since={day + timedelta(days=1)}").text
    for query in (
        "since=x&until=<script>",
        "since=9999-12-31",
        "until=0001-01-01",
        "since=0001-01-01",
    ):
        assert admin.get(f"/ledger?{query}").status_code == 200, query
    assert admin.get("/ledger?source=nowhere").status_code == 404


def test_rejected_requests_from_unknown_senders_are_counted(
    app: Flask, world: World, admin: Visitor
) -> None:
    assert "unknown senders" not in admin.get("/ledger").text
    sender = Sender(app, world.slug, world.key_id, world.secret)
    sender.send(comment(), path="/webhooks/wp/nowhere")
    app.extensions["relay_ingest"].rejections.close()
    page = text_of(admin.get("/ledger").text)
    assert "Relay also rejected 1 request from unknown senders." in page


def test_an_empty_ledger_explains_itself(app: Flask, admin: Visitor) -> None:
    page = admin.get("/ledger").text
    assert "No events in this period" in page and "Every event is accounted for" not in page
    app.extensions["relay_ingest"].close()


def test_a_site_page_shows_the_numbers_of_today_and_yesterday(
    app: Flask, world: World, admin: Visitor
) -> None:
    page = admin.get(f"/sources/{world.slug}").text
    text = text_of(page)
    assert "Today (UTC): 1 event received, 1 of 2 deliveries completed, 1 failed." in text
    assert "Yesterday (UTC): 0 events received." in text
    assert f'href="/ledger?source={world.slug}"' in page


def test_the_export_has_the_same_numbers_and_no_formulas(
    app: Flask, world: World, admin: Visitor
) -> None:
    with app.app_context():
        db.session.query(Source).update({"name": '=HYPERLINK("http://evil.example")'})
        db.session.commit()
    answer = admin.get("/ledger/ledger.csv")
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=relay-ledger-")
    [row] = csv.DictReader(io.StringIO(answer.get_data().decode("utf-8-sig")))
    assert row["site"].startswith("'=HYPERLINK")
    assert (row["received"], row["delivered"], row["failed"], row["matches"]) == (
        "1",
        "1",
        "1",
        "yes",
    )
    assert (row["Inbox: delivered"], row["Inbox: of"], row["Hook: delivered"]) == ("1", "1", "0")


def test_support_acknowledges_an_alert_and_viewers_cannot(
    app: Flask, world: World, visit: Callable[..., Visitor]
) -> None:
    with app.app_context():
        alerts.raise_alert(
            "ledger.books", "shop 2026-01-01", "One is <b>missing</b>.", "Ask.", "/ledger"
        )
        db.session.commit()
    viewer, support = visit("viewer"), visit("support")
    assert "One is &lt;b&gt;missing&lt;/b&gt;." in viewer.get("/").text
    assert "Acknowledge</summary>" not in viewer.get("/ledger").text
    assert viewer.post("/alerts/1/acknowledge", {"note": "x"}).status_code == 403
    answer = support.post("/alerts/1/acknowledge", {"note": ""})
    assert answer.status_code == 303
    assert "Write in a few words" in support.get("/ledger").text
    support.post("/alerts/1/acknowledge", {"note": "A backup <i>was</i> restored."})
    page = support.get("/ledger").text
    assert (
        "A backup &lt;i&gt;was&lt;/i&gt; restored." in page and "Acknowledge</summary>" not in page
    )
    assert "One is" not in support.get("/").text
    assert support.post("/alerts/99/acknowledge", {"note": "x"}).status_code == 404


def test_an_alert_links_to_the_affected_day(app: Flask, world: World, admin: Visitor) -> None:
    with app.app_context():
        pass_days(1)
        db.session.execute(delete(db.metadata.tables["attempt"]))
        db.session.execute(delete(db.metadata.tables["dead_letter"]))
        db.session.execute(delete(db.metadata.tables["delivery"]))
        db.session.execute(delete(Event))
        db.session.commit()
        ledger_check.check_day(today() - timedelta(days=1))
        [alert] = alerts.open_alerts()
        path = alert.path
        db.session.rollback()
    assert "Does not match</span>" in admin.get(path).text
