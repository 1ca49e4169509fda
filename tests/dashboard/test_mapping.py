"""The mapping editor: custom mappings, previews, tests and versions, without a script."""

from __future__ import annotations

import html

import pytest
from flask import Flask

from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from tests.dashboard.conftest import Visitor, text_of
from tests.support.events import order
from tests.support.sink import Sink
from tests.support.world import World, move, put

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FRAGMENT = {"HX-Request": "true"}
TOTAL, STATUS = '["data","total"]', '["data","status"]'
ORDERS = {"which": "some", "event_types": ["order.created"], "from": "all", "match": "all"}


def rows(*more: tuple[str, str, str]) -> dict[str, str]:
    form = {"custom": "1", "type": "order.created"}
    for number, (name, origin, text) in enumerate(more):
        form |= {f"r{number}-name": name, f"r{number}-from": origin, f"r{number}-text": text}
    return form


def test_a_custom_mapping_is_previewed_tested_and_saved_without_a_script(
    app: Flask, world: World, admin: Visitor, sink: Sink
) -> None:
    put(app, world.slug, order("o-3", total="77.50", number="1<b>7"))
    move(app, world.hook)
    sink.answer(200, b"fine", path="/hook")
    here = f"/destinations/{world.hook}/subscriptions/2/mapping"
    first = admin.get(f"{here}?type=order.created").text
    assert "Relay sends the whole event." in first and "77.50" in first
    picked = admin.post(here, {"type": "order.created", "do": "custom"}).text
    assert 'value="customer.email"' in picked and 'name="custom"' in picked
    form = rows(("sum", TOTAL, ""), ("title", "text", "Order {{ data.number }}"))
    preview = admin.post(here, {**form, "do": "preview"}).text
    assert '"sum": "77.50"' in html.unescape(preview) and "<b>7" not in preview
    sink.forget()
    tried = admin.post(here, {**form, "do": "test"}).text
    assert "Test succeeded." in tried and "very-secret-token-1" not in tried
    assert sink.requests[0].json() == {"sum": "77.50", "title": "Order 1<b>7", "test": True}
    assert admin.post(here, {**form, "do": "save"}).status_code == 303
    again = admin.get(f"{here}?type=order.created").text
    assert 'value="sum"' in again and "Order {{ data.number }}" in again
    put(app, world.slug, order("o-4", total="5"))
    sink.forget()
    move(app, world.hook)
    assert sink.requests[0].json() == {"sum": "5", "title": "Order 1042"}


def test_an_invalid_text_is_shown_at_its_field_and_nothing_is_saved(
    app: Flask, world: World, admin: Visitor
) -> None:
    here = f"/destinations/{world.hook}/subscriptions/2/mapping"
    answer = admin.post(here, {**rows(("title", "text", "{% if %}")), "do": "save"})
    assert answer.status_code == 422
    assert "The text has an error" in answer.text and "{% if %}" in answer.text
    for form, sentence in (
        (rows(("", TOTAL, "")), "Enter a name for each field"),
        (rows(("a", TOTAL, ""), ("a", STATUS, "")), "Two fields are called a"),
        (rows(), "Map at least one field"),
    ):
        answer = admin.post(here, {**form, "do": "save"})
        assert answer.status_code == 422 and sentence in answer.text, form
    assert "Relay sends the whole event." in admin.get(f"{here}?type=order.created").text


def test_a_warning_is_shown_and_does_not_prevent_saving(
    app: Flask, world: World, admin: Visitor
) -> None:
    here = f"/destinations/{world.hook}/subscriptions/2/mapping"
    form = rows(("who", '["data","auther"]', ""))
    assert (
        "who uses auther, which no recent event has."
        in admin.post(here, {**form, "do": "preview"}).text
    )
    saved = admin.post(here, {**form, "do": "save"})
    assert saved.status_code == 303
    assert "Check the 1 warning below." in admin.get(saved.location).text


def test_an_earlier_version_is_restored(app: Flask, world: World, admin: Visitor) -> None:
    here = f"/destinations/{world.hook}/subscriptions/2/mapping"
    admin.post(here, {**rows(("sum", TOTAL, "")), "do": "save"})
    admin.post(here, {"type": "order.created", "do": "default"})  # does not save
    assert 'value="sum"' in admin.get(here).text
    admin.post(here, {"type": "order.created", "do": "save"})
    page = admin.get(f"{here}?type=order.created").text
    assert "Versions (3)" in page and "Relay sends the whole event." in page
    assert admin.post(f"{here}/restore/2", {"type": "order.created"}).status_code == 303
    assert 'value="sum"' in admin.get(f"{here}?type=order.created").text


def test_an_event_type_outside_the_subscription_is_not_found(
    app: Flask, world: World, admin: Visitor
) -> None:
    admin.post(f"/destinations/{world.hook}/subscriptions/2", {**ORDERS, "do": "save"})
    here = f"/destinations/{world.hook}/subscriptions/2/mapping"
    assert admin.get(f"{here}?type=comment.created").status_code == 404
    assert admin.get(f"{here}?type=order.created&sample=²").status_code == 200


def test_slack_starts_with_the_default_message(app: Flask, world: World, admin: Visitor) -> None:
    with app.app_context():
        url = "https://hooks.slack.com/services/T0/B0/path-secret-three"
        made = destination_settings.create_destination(
            "slack", "Team", {"webhook_url": url}, COMMAND_LINE, ["order.created"]
        )
        here = f"/destinations/{made.id}/subscriptions/{made.subscriptions[0].id}/mapping"
    page = admin.get(here).text
    assert "This is the default mapping." in page and "*New order #{{ data.number }}:" in page
    assert "path-secret-three" not in page
    form = {"type": "order.created", "r0-name": "text", "r0-from": "text", "r0-text": "Mine"}
    assert admin.post(here, {**form, "do": "save"}).status_code == 303
    assert ">Mine</textarea>" in admin.get(here).text
    back = admin.post(here, {**form, "do": "default"}).text
    assert "*New order #{{ data.number }}:" in back


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("none", "sends requests without content, so it uses no mapping."),
        ("json_text", "sends the JSON text in its settings, so it uses no mapping."),
    ],
)
def test_a_page_whose_mapping_is_not_used_says_so(
    app: Flask, world: World, admin: Visitor, content: str, sentence: str
) -> None:
    with app.app_context():
        hook = destination_settings.find_destination(world.hook)
        values = hook.config | {"content": content, "json_text": "{}"}
        destination_settings.update_destination(hook.id, hook.name, values, COMMAND_LINE)
        (subscription, *_) = destination_settings.find_destination(world.hook).subscriptions
        here = f"/destinations/{world.hook}/subscriptions/{subscription.id}/mapping"
    assert sentence in text_of(admin.get(here).text)
