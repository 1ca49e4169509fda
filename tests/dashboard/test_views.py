"""Saved views: kept, renamed and removed by the person who made them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from relay.models import AuditEntry, SavedView, db
from relay.services.audit import COMMAND_LINE
from relay.services.users import accounts, team
from relay.services.users.saved_views import MOST
from tests.dashboard.conftest import Visitor, text_of
from tests.support.world import World

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FILTER = "state=dead&type=order.created&after=7&csrf_token=x"


def test_a_view_is_saved_shown_renamed_and_removed(
    app: Flask, world: World, visit: Callable[..., Visitor]
) -> None:
    mine, other = visit("viewer"), visit("support")
    assert "Save view" not in mine.get("/events").text
    assert "Save view" in mine.get(f"/events?{FILTER}").text
    made = mine.post("/views/events", {"name": " Failed  orders ", "query": FILTER})
    assert made.location == "/events?state=dead&type=order.created"
    page = mine.get(made.location).text
    assert "Failed orders" in page and "Edit view" in page and 'aria-current="page"' in page
    assert "Failed orders" in mine.get("/events").text
    assert "Failed orders" not in other.get("/events").text, "views are a person's own"
    for do in ("rename", "remove"):
        assert other.post(f"/views/1/{do}", {"name": "Stolen"}).status_code == 404
    mine.post("/views/1/rename", {"name": "Orders"})
    mine.post("/views/events", {"name": "Other", "query": "type=x"})
    assert "already have a view called Other" in text_of(
        mine.post("/views/1/rename", {"name": "Other"}, follow_redirects=True).text
    )
    mine.post("/views/events", {"name": "Orders", "query": "state=pending"})
    assert 'href="/events?state=pending"' in mine.get("/events").text, "the same name: replaced"
    assert mine.post("/views/1/remove").location == "/events"
    assert "Orders" not in text_of(mine.get("/events").text).partition("All types")[0]
    with app.app_context():
        actions = [one.action for one in db.session.query(AuditEntry) if "view." in one.action]
        assert actions == ["view.save", "view.rename", "view.save", "view.save", "view.remove"]


def test_invalid_views_are_refused_and_the_filter_stays(app: Flask, admin: Visitor) -> None:
    for name, query, why in (
        ("", "type=x", "1 to 60 characters"),
        ("n" * 61, "type=x", "1 to 60 characters"),
        ("long", f"text={'x' * 1000}", "too long to be saved"),
    ):
        answer = admin.post("/views/events", {"name": name, "query": query})
        assert answer.location == f"/events?{query}"
        assert why in admin.get("/events").text
    for number in range(MOST + 1):
        admin.post("/views/dead_letters", {"name": f"View {number}", "query": "code=x"})
    assert f"You have {MOST} views" in admin.get("/dead-letters/list").text
    assert admin.post("/views/audit", {"name": "a"}).status_code == 404


def test_the_views_of_a_deleted_user_are_deleted(app: Flask, visit: Callable[..., Visitor]) -> None:
    viewer = visit("viewer")
    viewer.post("/views/events", {"name": "Mine", "query": "type=x"})
    with app.app_context():
        team.delete_user(accounts.find_user("viewer@example.com").id, COMMAND_LINE)
        assert db.session.query(SavedView).count() == 0
