"""Site reports: stored once, compared with our counts, no alert for events in transit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from relay.models import Event, Intake, SiteReport, db
from relay.services.audit import COMMAND_LINE
from relay.services.ledger import site_reports
from relay.services.ledger import summary as ledger_summary
from relay.services.ledger.model import Period
from relay.services.ledger.reading import names_in, read, snapshot
from relay.services.ledger.site_reports import ReportDay, missing_after
from relay.services.operations import retention
from tests.ingest.conftest import Sender
from tests.services.ledgers import open_alerts, pass_days, today
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World, make, move

DAY_S = 86400
ZERO = dict.fromkeys(("fired", "sent", "waiting", "dropped"), 0)


@pytest.fixture
def world(app: Flask, sink: Sink) -> Iterator[World]:
    """A shop with one comment of seven days ago, so that every destination is there."""
    made = make(app, sink)
    sink.answer(200, b"ok", path="/hook")
    with app.app_context():
        pass_days(7)
        yield made
        db.session.remove()
    app.extensions["relay_ingest"].close()


@pytest.fixture
def site(app: Flask, world: World) -> Site:
    return Site(app, world)


class Site:
    """A site as the gateway sees it: comments of yesterday and a report about them."""

    def __init__(self, app: Flask, world: World):
        self.app, self.world = app, world
        self.sender = Sender(app, world.slug, world.key_id, world.secret)

    def comments(self, count: int) -> None:
        for _ in range(count):
            assert self.sender.send(comment()).status_code == 202
        db.session.rollback()
        move(self.app, self.world.inbox, self.world.hook)
        db.session.rollback()

    def report(self, day: date, **counts: int) -> dict[str, Any]:
        """Send the report of a day, made a second ago, and take it."""
        until = datetime.fromisoformat(f"{day + timedelta(days=1)}T00:30:00Z")
        data = {
            "day": day.isoformat(),
            "until": until.isoformat(),
            "counts": {"comment.created": ZERO | counts} if counts else {},
            "plugin": "1.0.0",
        }
        event = comment(event="relay.report", data=data)
        assert self.sender.send(event).status_code == 202
        db.session.rollback()
        site_reports.take()
        return event

    def facts(self, day: date) -> list[str]:
        period = Period(day, day)
        with snapshot() as connection:
            books, names = read(connection, period), names_in(connection)
        found = ledger_summary.facts(books, period, names)
        db.session.rollback()
        return [sentence for told in found.values() for sentence in told]


def words(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"day": "2026-02-30"}, "data.day"),
        ({"day": "20260201"}, "data.day"),
        ({"day": 20260201}, "data.day"),
        ({"day": "9999-12-31"}, "data.day"),
        ({"until": "yesterday"}, "data.until"),
        ({"until": "0001-01-01T00:00:00+23:59"}, "data.until"),
        ({"until": "2026-03-02T00:20:00"}, "data.until"),
        ({"until": "0000-00-00 00:00:00"}, "data.until"),
        ({"counts": [1]}, "data.counts"),
        ({"counts": {"comment.created": {"fired": 1}}}, "data.counts.comment.created.value.sent"),
        ({"counts": {"a": {"fired": -1, "sent": 0, "waiting": 0, "dropped": 0}}}, "data.counts.a.value.fired"),
        ({"counts": {"a": {"fired": 1.5, "sent": 0, "waiting": 0, "dropped": 0}}}, "data.counts.a.value.fired"),
        ({"counts": {"a": {"fired": "1", "sent": 0, "waiting": 0, "dropped": 0}}}, "data.counts.a.value.fired"),
        ({"counts": {f"x.{n}": ZERO for n in range(201)}}, "data.counts"),
        ({"plugin": None}, "data.plugin"),
    ],
)  # fmt: skip
def test_a_report_of_another_shape_is_refused(
    site: Site, change: dict[str, Any], field: str
) -> None:
    data = {"day": "2026-03-01", "until": "2026-03-02T00:20:00Z", "counts": {}, "plugin": "1.0"}
    answer = site.sender.send(comment(event="relay.report", data=data | change))
    assert answer.status_code == 422
    assert field in answer.get_json()["detail"], answer.get_json()


def test_a_report_is_stored_once(site: Site) -> None:
    event = site.report(today() - timedelta(days=1))
    assert site.sender.send(event).status_code == 200
    db.session.rollback()
    assert site_reports.take() == 0
    assert db.session.scalar(select(func.count()).select_from(SiteReport)) == 1


def test_a_complete_day_is_a_sentence(site: Site) -> None:
    site.comments(3)
    pass_days(1)
    yesterday = today() - timedelta(days=1)
    site.report(yesterday, fired=3, sent=3)
    assert site.facts(yesterday) == [
        f"3 of 3 comments from {words(yesterday)} reached Inbox; 3 of 3 reached Hook. "
        "The site's count matches.",
    ]
    assert open_alerts() == []


def test_events_that_wait_on_the_site_open_no_alert(site: Site) -> None:
    site.comments(1)
    pass_days(1)
    yesterday = today() - timedelta(days=1)
    site.report(yesterday, fired=3, sent=1, waiting=2)
    assert site.facts(yesterday)[0].endswith("reached Hook. The site still has 2 waiting.")
    assert open_alerts() == []


def test_missing_events_are_an_alert_until_they_arrive(site: Site) -> None:
    site.comments(2)
    pass_days(1)
    yesterday = today() - timedelta(days=1)
    site.report(yesterday, fired=7, sent=2, waiting=2)
    assert site.facts(yesterday) == [
        f"2 of 5 comments from {words(yesterday)} reached Inbox; 2 of 5 reached Hook. "
        "3 comments were counted on the site but never arrived here; the site still has 2 waiting.",
    ]
    gone = f"3 comments were counted on Shop up to {words(yesterday)} but never arrived here."
    assert open_alerts() == [gone]
    # the next day the two arrive, and one that had been lost
    site.comments(3)
    pass_days(1)
    site.report(yesterday, sent=3)
    assert [one[:10] for one in open_alerts()] == ["2 comments"]
    site.comments(2)
    pass_days(1)
    site.report(yesterday, sent=2)
    assert open_alerts() == []


def test_a_later_report_of_a_day_replaces_the_first(site: Site) -> None:
    yesterday = today() - timedelta(days=1)
    site.report(yesterday, fired=1)
    assert len(open_alerts()) == 1
    row = db.session.scalars(select(SiteReport)).one()
    row.until -= timedelta(minutes=1)
    db.session.commit()
    site.report(yesterday, fired=1, dropped=1)
    assert open_alerts() == []


def test_reports_outlive_their_events(site: Site) -> None:
    site.report(today() - timedelta(days=1), fired=1, sent=1)
    site.comments(0)  # only to have it routed
    pass_days(31)
    retention.prune(COMMAND_LINE)
    db.session.rollback()
    wanted = select(func.count()).where(Event.event_type == "relay.report")
    assert db.session.scalar(wanted) == 0
    assert db.session.scalar(select(func.count()).select_from(SiteReport)) == 1


def test_a_gap_in_the_reports_restarts_the_totals(site: Site) -> None:
    """What the site counted on days that it never told of is unknown: nothing follows from it."""
    day = today()
    site.report(day - timedelta(days=5), fired=4)
    assert len(open_alerts()) == 1
    db.session.execute(delete(Intake))
    db.session.commit()
    site.report(day - timedelta(days=1), fired=0, sent=0)
    assert open_alerts() == []


Moment = st.integers(0, 5 * DAY_S - 1)
Fate = st.sampled_from(["sent", "sent", "sent", "dropped", "lost", "waiting"])


@given(
    st.lists(st.tuples(Moment, st.integers(1, DAY_S - 1), Fate), max_size=12),
    st.lists(st.integers(600, 3540), min_size=6, max_size=6),
)
def test_the_missing_count_is_never_too_high_and_exact_in_the_end(
    events: list[tuple[int, int, str]], minutes: list[int]
) -> None:
    """A site that fires, sends, drops and loses events at any moment, and reports each night."""
    days = []
    for number in range(6):
        begin, end = number * DAY_S, (number + 1) * DAY_S
        until = end + minutes[number]
        in_day = range(begin, end)
        days.append(
            ReportDay(
                fired=sum(at in in_day for at, _, _ in events),
                dropped=sum(at + wait in in_day for at, wait, fate in events if fate == "dropped"),
                received=sum(at + wait in in_day for at, wait, fate in events if fate == "sent"),
                later=sum(end <= at + wait <= until for at, wait, fate in events if fate == "sent"),
                waiting=sum(at <= until < at + wait or (fate == "waiting" and at <= until) for at, wait, fate in events),
            )
        )  # fmt: skip
    missing = missing_after(days)
    for number, found in enumerate(missing):
        until = (number + 1) * DAY_S + minutes[number]
        lost = sum(at + wait <= until for at, wait, fate in events if fate == "lost")
        # dropped between midnight and the report: the one thing that a day's numbers cannot tell
        between = range((number + 1) * DAY_S, until + 1)
        hidden = sum(at + wait in between for at, wait, fate in events if fate == "dropped")
        assert found <= lost + hidden
    lost = sum(fate == "lost" for _, _, fate in events)
    if all(fate != "waiting" for _, _, fate in events):
        assert missing[-1] == lost
