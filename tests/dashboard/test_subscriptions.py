"""Subscriptions: event types, sites and conditions, with and without a script."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from relay.services.destinations import settings as destination_settings
from tests.dashboard.conftest import Visitor, text_of
from tests.support.events import comment, order
from tests.support.world import World, move, put

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FRAGMENT = {"HX-Request": "true"}
TOTAL, STATUS = '["data","total"]', '["data","status"]'
ORDERS = {"which": "some", "event_types": ["order.created"], "from": "all", "match": "all"}


def test_a_condition_is_added_and_saved_without_a_script(
    app: Flask, world: World, admin: Visitor
) -> None:
    put(app, world.slug, order("o-1", total="640"))
    here = f"/destinations/{world.hook}/subscriptions/new"
    page = admin.post(here, {**ORDERS, "do": "add"})
    assert page.status_code == 200 and 'name="c0-path"' in page.text
    assert "total (640)" in page.text  # a field of a real event, with its value
    row = {"c0-path": TOTAL, "c0-op": "at_least", "c0-value": "500"}
    page = admin.post(here, {**ORDERS, **row, "do": "preview"})
    assert "When an order is placed and its total is at least 500, send it to Hook." in text_of(
        page.text
    )
    assert "The most recent event of these types matches." in text_of(page.text)
    saved = admin.post(here, {**ORDERS, **row, "do": "save"})
    assert saved.status_code == 303 and saved.location.endswith("/mapping")
    detail = admin.get(f"/destinations/{world.hook}").text
    assert "its total is at least 500, send it to Hook." in detail
    assert "Some of these subscriptions match the same events." in detail
    with app.app_context():
        stored = destination_settings.find_destination(world.hook).subscriptions[1]
        assert stored.conditions["items"] == [
            {"path": ["data", "total"], "op": "at_least", "value": "500"}
        ]


def test_htmx_gets_the_conditions_only(app: Flask, world: World, admin: Visitor) -> None:
    here = f"/destinations/{world.hook}/subscriptions/2"
    part = admin.post(here, {**ORDERS, "do": "add"}, headers=FRAGMENT)
    assert re.match(r'\s*<fieldset id="conditions"', part.text) and "autofocus" in part.text
    assert "<html" not in part.text


def test_an_invalid_form_keeps_the_entered_values(app: Flask, world: World, admin: Visitor) -> None:
    here = f"/destinations/{world.hook}/subscriptions/2"
    for form, sentence in (
        ({"c0-path": TOTAL, "c0-op": "at_least", "c0-value": ""}, "Enter a value to compare with"),
        ({"c0-path": "", "c0-value": "typed-value"}, "Choose a field for each condition"),
        (
            {"event_types": [], "c0-path": TOTAL, "c0-value": "typed-value"},
            "at least one event type",
        ),
        ({"from": "some", "c0-path": TOTAL, "c0-value": "typed-value"}, "at least one site"),
    ):
        answer = admin.post(here, {**ORDERS, **form, "do": "save"})
        assert answer.status_code == 422 and sentence in answer.text, form
        if form["c0-value"]:
            assert 'value="typed-value"' in answer.text


def test_an_event_page_shows_why_a_subscription_skipped_it(
    app: Flask, world: World, admin: Visitor
) -> None:
    row = {"c0-path": TOTAL, "c0-op": "at_least", "c0-value": "500"}
    admin.post(f"/destinations/{world.hook}/subscriptions/2", {**ORDERS, **row, "do": "save"})
    number = put(app, world.slug, order("o-2", total="120"))
    move(app, world.inbox)
    page = text_of(admin.get(f"/events/{number}").text)
    assert "Hook skipped it: Total 120 is not at least 500." in page


def test_support_pauses_a_subscription_and_an_admin_removes_it(
    app: Flask, world: World, visit: Callable[..., Visitor]
) -> None:
    support, admin = visit("support"), visit("admin")
    here = f"/destinations/{world.inbox}/subscriptions/1"
    assert support.post(f"{here}/pause").status_code == 303
    number = put(app, world.slug, comment())
    move(app, world.inbox)
    page = text_of(support.get(f"/destinations/{world.inbox}").text)
    assert "Matching events wait and are not lost: 1 delivery is pending." in page
    assert "The subscription of Inbox to this event is paused." in text_of(
        support.get(f"/events/{number}").text
    )
    assert support.post(f"{here}/remove").status_code == 403
    assert "1 pending delivery is discarded." in admin.get(f"/destinations/{world.inbox}").text
    assert admin.post(f"{here}/remove").status_code == 303
    assert (
        "No subscriptions: nothing is sent here." in admin.get(f"/destinations/{world.inbox}").text
    )
    assert admin.get(here).status_code == 404
    assert "None" in admin.get("/destinations").text
