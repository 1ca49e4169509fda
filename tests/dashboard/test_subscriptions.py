"""Subscriptions and mappings are made by clicking, with and without a script."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest
from flask import Flask

from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from tests.dashboard.conftest import Visitor
from tests.support.events import comment, order
from tests.support.sink import Sink
from tests.support.world import World, move, put

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FRAGMENT = {"HX-Request": "true"}
TOTAL, STATUS = '["data","total"]', '["data","status"]'
ORDERS = {"which": "some", "event_types": ["order.created"], "from": "all", "match": "all"}


def plain(page: str) -> str:
    """The text of a page as a person reads it."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_a_condition_is_added_filled_and_saved_without_a_script(
    app: Flask, world: World, admin: Visitor
) -> None:
    put(app, world.slug, order("o-1", total="640"))
    here = f"/destinations/{world.hook}/subscriptions/new"
    page = admin.post(here, {**ORDERS, "do": "add"})
    assert page.status_code == 200 and 'name="c0-path"' in page.text
    assert "total (640)" in page.text  # a field of a real event, with its value
    row = {"c0-path": TOTAL, "c0-op": "at_least", "c0-value": "500"}
    page = admin.post(here, {**ORDERS, **row, "do": "look"})
    assert "When an order is placed and its total is at least 500, send it to Hook." in plain(
        page.text
    )
    assert "Of the newest 1 such event, 1 would have been taken." in plain(page.text)
    saved = admin.post(here, {**ORDERS, **row, "do": "save"})
    assert saved.status_code == 303 and saved.location.endswith("/mapping")
    detail = admin.get(f"/destinations/{world.hook}").text
    assert "its total is at least 500, send it to Hook." in detail
    assert "Some of these may take the same event." in detail
    with app.app_context():
        stored = destination_settings.find_destination(world.hook).subscriptions[1]
        assert stored.conditions["items"] == [
            {"path": ["data", "total"], "op": "at_least", "value": "500"}
        ]


def test_with_a_script_only_the_conditions_are_drawn_again(
    app: Flask, world: World, admin: Visitor
) -> None:
    here = f"/destinations/{world.hook}/subscriptions/2"
    part = admin.post(here, {**ORDERS, "do": "add"}, headers=FRAGMENT)
    assert re.match(r'\s*<fieldset id="conditions"', part.text) and "autofocus" in part.text
    assert "<html" not in part.text


def test_a_mistake_keeps_what_was_typed(app: Flask, world: World, admin: Visitor) -> None:
    here = f"/destinations/{world.hook}/subscriptions/2"
    for form, told in (
        ({"c0-path": TOTAL, "c0-op": "at_least", "c0-value": ""}, "Enter what to compare with"),
        ({"c0-path": "", "c0-value": "typed-value"}, "Choose the field of each condition"),
        ({"event_types": [], "c0-path": TOTAL, "c0-value": "typed-value"}, "at least one kind"),
        ({"from": "some", "c0-path": TOTAL, "c0-value": "typed-value"}, "at least one site"),
    ):
        answer = admin.post(here, {**ORDERS, **form, "do": "save"})
        assert answer.status_code == 422 and told in answer.text, form
        if form["c0-value"]:
            assert 'value="typed-value"' in answer.text


def test_an_event_page_tells_why_a_subscription_did_not_want_it(
    app: Flask, world: World, admin: Visitor
) -> None:
    row = {"c0-path": TOTAL, "c0-op": "at_least", "c0-value": "500"}
    admin.post(f"/destinations/{world.hook}/subscriptions/2", {**ORDERS, **row, "do": "save"})
    number = put(app, world.slug, order("o-2", total="120"))
    move(app, world.inbox)
    told = plain(admin.get(f"/events/{number}").text)
    assert "Hook did not want it: Total 120 is not at least 500." in told


def test_pausing_goes_on_and_removing_are_for_those_who_may(
    app: Flask, world: World, visit: Callable[..., Visitor]
) -> None:
    support, admin = visit("support"), visit("admin")
    here = f"/destinations/{world.inbox}/subscriptions/1"
    assert support.post(f"{here}/pause").status_code == 303
    number = put(app, world.slug, comment())
    move(app, world.inbox)
    told = plain(support.get(f"/destinations/{world.inbox}").text)
    assert "What comes waits and is not lost; 1 waits so far." in told
    assert "of these events is paused" in plain(support.get(f"/events/{number}").text)
    assert support.post(f"{here}/remove").status_code == 403
    assert "is discarded" in admin.get(f"/destinations/{world.inbox}").text
    assert admin.post(f"{here}/remove").status_code == 303
    assert "Nothing is sent here at the moment." in admin.get(f"/destinations/{world.inbox}").text
    assert admin.get(here).status_code == 404
    assert "Nothing yet" in admin.get("/destinations").text


# ---- mappings ------------------------------------------------------------------------------------


def rows(*more: tuple[str, str, str]) -> dict[str, str]:
    form = {"own": "1", "type": "order.created"}
    for number, (name, origin, text) in enumerate(more):
        form |= {f"r{number}-name": name, f"r{number}-from": origin, f"r{number}-text": text}
    return form


def test_an_own_object_is_picked_previewed_tested_and_saved_without_a_script(
    app: Flask, world: World, admin: Visitor, sink: Sink
) -> None:
    put(app, world.slug, order("o-3", total="77.50", number="1<b>7"))
    move(app, world.hook)
    sink.answer(200, b"fine", path="/hook")
    here = f"/destinations/{world.hook}/subscriptions/2/mapping"
    first = admin.get(f"{here}?type=order.created").text
    assert "The whole event." in first and "77.50" in first
    picked = admin.post(here, {"type": "order.created", "do": "own"}).text
    assert 'value="customer.email"' in picked and 'name="own"' in picked
    form = rows(("sum", TOTAL, ""), ("title", "text", "Order {{ data.number }}"))
    looked = admin.post(here, {**form, "do": "look"}).text
    assert '"sum": "77.50"' in html.unescape(looked) and "<b>7" not in looked
    sink.forget()
    tried = admin.post(here, {**form, "do": "test"}).text
    assert "It works." in tried and "very-secret-token-1" not in tried
    assert sink.requests[0].json() == {"sum": "77.50", "title": "Order 1<b>7", "test": True}
    assert admin.post(here, {**form, "do": "save"}).status_code == 303
    again = admin.get(f"{here}?type=order.created").text
    assert 'value="sum"' in again and "Order {{ data.number }}" in again
    put(app, world.slug, order("o-4", total="5"))
    sink.forget()
    move(app, world.hook)
    assert sink.requests[0].json() == {"sum": "5", "title": "Order 1042"}


def test_a_broken_text_is_shown_at_its_field_and_nothing_is_saved(
    app: Flask, world: World, admin: Visitor
) -> None:
    here = f"/destinations/{world.hook}/subscriptions/2/mapping"
    answer = admin.post(here, {**rows(("title", "text", "{% if %}")), "do": "save"})
    assert answer.status_code == 422
    assert "The text has an error" in answer.text and "{% if %}" in answer.text
    for form, told in (
        (rows(("", TOTAL, "")), "Give each field a name"),
        (rows(("a", TOTAL, ""), ("a", STATUS, "")), "two fields called a"),
        (rows(), "Fill at least one field"),
    ):
        answer = admin.post(here, {**form, "do": "save"})
        assert answer.status_code == 422 and told in answer.text, form
    assert "The whole event." in admin.get(f"{here}?type=order.created").text


def test_doubts_are_told_and_do_not_stop_anyone(app: Flask, world: World, admin: Visitor) -> None:
    here = f"/destinations/{world.hook}/subscriptions/2/mapping"
    form = rows(("who", '["data","auther"]', ""))
    assert (
        "who uses auther, which no recent event has."
        in admin.post(here, {**form, "do": "look"}).text
    )
    saved = admin.post(here, {**form, "do": "save"})
    assert saved.status_code == 303
    assert "Look at the 1 note below." in admin.get(saved.location).text


def test_an_earlier_version_is_back_with_one_click(
    app: Flask, world: World, admin: Visitor
) -> None:
    here = f"/destinations/{world.hook}/subscriptions/2/mapping"
    admin.post(here, {**rows(("sum", TOTAL, "")), "do": "save"})
    admin.post(here, {"type": "order.created", "do": "ready"})  # looks, saves nothing
    assert 'value="sum"' in admin.get(here).text
    admin.post(here, {"type": "order.created", "do": "save"})
    page = admin.get(f"{here}?type=order.created").text
    assert "Earlier versions (3)" in page and "The whole event." in page
    assert admin.post(f"{here}/back/2", {"type": "order.created"}).status_code == 303
    assert 'value="sum"' in admin.get(f"{here}?type=order.created").text


def test_another_type_than_the_subscription_takes_is_not_there(
    app: Flask, world: World, admin: Visitor
) -> None:
    admin.post(f"/destinations/{world.hook}/subscriptions/2", {**ORDERS, "do": "save"})
    here = f"/destinations/{world.hook}/subscriptions/2/mapping"
    assert admin.get(f"{here}?type=comment.created").status_code == 404
    assert admin.get(f"{here}?type=order.created&sample=²").status_code == 200


def test_slack_starts_from_the_ready_made_message(app: Flask, world: World, admin: Visitor) -> None:
    with app.app_context():
        url = "https://hooks.slack.com/services/T0/B0/path-secret-three"
        made = destination_settings.create_destination(
            "slack", "Team", {"webhook_url": url}, COMMAND_LINE, ["order.created"]
        )
        here = f"/destinations/{made.id}/subscriptions/{made.subscriptions[0].id}/mapping"
    page = admin.get(here).text
    assert "This is the ready-made way." in page and "*New order #{{ data.number }}:" in page
    assert "path-secret-three" not in page
    form = {"type": "order.created", "r0-name": "text", "r0-from": "text", "r0-text": "Mine"}
    assert admin.post(here, {**form, "do": "save"}).status_code == 303
    assert ">Mine</textarea>" in admin.get(here).text
    back = admin.post(here, {**form, "do": "ready"}).text
    assert "*New order #{{ data.number }}:" in back
