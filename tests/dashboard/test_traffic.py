"""The traffic page and the charts on other pages: from the counts, for the right people."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import event as sqlalchemy_event

from relay.models import db
from relay.services.traffic import counting, holds
from tests.dashboard.conftest import Visitor, text_of
from tests.support import two_sites
from tests.support.sink import Sink
from tests.support.world import World, make

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world(app: Flask, sink: Sink) -> World:
    world = make(app, sink)
    with app.app_context():
        counting.count()
        holds.note()
    return world


def data_of(page: str) -> dict[str, list[int]]:
    """The lines of the first chart."""
    found = re.search(r'data-chart="([^"]+)"', page)
    assert found, page
    lines = json.loads(html.unescape(found[1]))["lines"]
    return {line["key"]: line["values"] for line in lines}


def test_the_charts_show_what_was_counted(admin: Visitor, world: World) -> None:
    for path in (
        "/traffic",
        "/",
        f"/sources/{world.slug}",
        "/traffic?range=hour",
        "/traffic?range=month",
    ):
        lines = data_of(admin.get(path).text)
        assert [sum(lines[key]) for key in ("received", "delivered", "failed")] == [1, 1, 1], path
    lines = data_of(admin.get(f"/destinations/{world.hook}").text)
    assert sum(lines["failed"]) == 1 and sum(lines["delivered"]) == 0
    text = text_of(admin.get(f"/destinations/{world.inbox}").text)
    assert (
        "Success rate 100" in text
        and "1 delivered in the last 24 hours. No delivery failed in this time." in text
    )


def test_the_lists_have_sparklines_and_the_page_the_flow_of_the_day(
    admin: Visitor, world: World
) -> None:
    assert "1 events in the last 24 hours" in admin.get("/sources").text
    assert "1 deliveries in the last 24 hours, 1 failed" in admin.get("/destinations").text
    page = admin.get("/traffic").text
    assert "<title>Shop → Hook: 1</title>" in page and "<title>Hook → Failed: 1</title>" in page
    assert "No events on this day." in admin.get("/traffic?day=2026-01-01").text


def test_no_chart_reads_the_events(app: Flask, admin: Visitor, world: World) -> None:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, sql: str, *_: object) -> None:
        seen.append(sql)

    with app.app_context():
        sqlalchemy_event.listen(db.engine, "before_cursor_execute", note)
    for path in ("overview", f"sites/{world.slug}", f"destinations/{world.hook}"):
        for range_ in ("hour", "day", "month"):
            response = admin.get(f"/traffic/{path}?range={range_}", headers={"HX-Request": "true"})
            assert response.status_code == 200
    read = {table for sql in seen for table in re.findall(r"FROM (\w+)", sql)}
    assert {"site_traffic", "destination_traffic"} <= read
    assert not read & {"event", "delivery", "attempt", "intake"}


def test_without_a_script_the_choice_of_a_range_leads_to_the_page(
    admin: Visitor, world: World
) -> None:
    page = admin.get(f"/destinations/{world.hook}?range=month").text
    assert "in the last 30 days" in page
    response = admin.get(f"/traffic/destinations/{world.hook}?range=month")
    assert response.status_code == 303
    assert response.headers["Location"] == f"/destinations/{world.hook}?range=month"


def test_a_limited_person_sees_the_counts_of_their_sites_only(
    app: Flask, visit: Callable[..., Visitor]
) -> None:
    sites = two_sites.make(app)
    with app.app_context():
        counting.count()
    everyone = data_of(visit("admin").get("/").text)
    person = visit("viewer")
    two_sites.limit(app, person.email, sites.mine.source_id)
    own = data_of(person.get("/").text)
    assert 0 < sum(own["received"]) < sum(everyone["received"])
    assert person.get("/traffic").status_code == 403
