"""Destinations: forms that never show a secret, tests, pauses and the list."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from relay.models import db
from relay.rules.states import AccessState
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import access
from relay.services.destinations import settings as destination_settings
from tests.dashboard.conftest import Visitor, text_of
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World, move, put

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FRAGMENT = {"HX-Request": "true"}


def test_an_invalid_form_never_returns_an_entered_secret(app: Flask, admin: Visitor) -> None:
    form = {"name": "Hook", "url": "https://10.0.0.1/", "auth": "bearer", "token": "tok-9876543210"}
    answer = admin.post("/destinations/new?kind=webhook", {**form, "which": "all"})
    assert answer.status_code == 422
    assert "tok-9876543210" not in answer.text and "••••3210" not in answer.text
    assert "enter it again" in answer.text
    assert "Leave this empty to keep it" not in answer.text  # nothing is saved yet
    assert 'value="https://10.0.0.1/"' in answer.text


def test_an_invalid_edit_keeps_the_saved_secret(app: Flask, world: World, admin: Visitor) -> None:
    form = {"name": "Hook", "url": "https://10.0.0.1/", "auth": "bearer", "token": "new-token-abcd"}
    answer = admin.post(f"/destinations/{world.hook}/edit", {**form, "which": "all"})
    assert answer.status_code == 422
    assert "new-token-abcd" not in answer.text and "••••en-1" in answer.text
    assert "Leave this empty to keep it" in answer.text


def test_the_form_keeps_families_and_custom_patterns(app: Flask, admin: Visitor) -> None:
    form = {"name": "Box", "which": "some", "event_types": ["order.*"], "more_types": "x.*, x.y"}
    made = admin.post("/destinations/new?kind=inbox", form)
    assert made.status_code == 303, made.text
    assert "When an order is placed or changes" in admin.get(made.location).text
    assert "All orders, All custom events, x.y" in admin.get("/destinations").text
    edit = admin.get(f"{made.location}/subscriptions/1").text
    assert re.search(r'value="order\.\*" checked', edit)
    assert 'name="more_types"' in edit and 'value="x.y"' in edit


def test_a_form_without_an_event_type_is_refused_and_keeps_its_values(
    app: Flask, admin: Visitor
) -> None:
    answer = admin.post("/destinations/new?kind=inbox", {"name": "Box", "which": "some"})
    assert answer.status_code == 422
    assert "Select at least one event type." in answer.text
    assert re.search(r'value="some" checked', answer.text)


def test_the_reason_of_a_pause_is_shown_with_the_destination(
    app: Flask, world: World, visit: Callable[..., Visitor]
) -> None:
    support, viewer = visit("support"), visit("viewer")
    reason = "<b>moving</b> house"
    support.post(f"/destinations/{world.inbox}/pause", {"reason": reason})
    for path in ("/destinations", f"/destinations/{world.inbox}"):
        page = viewer.get(path).text
        assert "&lt;b&gt;moving&lt;/b&gt; house" in page and "<b>moving" not in page
    assert "Resume" not in viewer.get(f"/destinations/{world.inbox}").text
    assert "Resume" in support.get(f"/destinations/{world.inbox}").text


def test_the_list_shows_pending_failed_and_the_last_delivery(
    app: Flask, world: World, admin: Visitor
) -> None:
    with app.app_context():
        destination_settings.pause(world.inbox, COMMAND_LINE)
    put(app, world.slug, comment())
    move(app, world.inbox)
    rows = admin.get("/destinations").text.split("<tr>")
    inbox = next(row for row in rows if "Stored in Relay, sent nowhere" in row)
    hook = next(row for row in rows if ">Hook<" in row)
    assert '"Pending">1<' in inbox and "none recently" not in inbox
    assert re.search(rf'href="/dead-letters\?destination={world.hook}">1<', hook)
    assert "none recently" in hook


def test_the_inbox_shows_messages_as_inert_text(app: Flask, world: World, admin: Visitor) -> None:
    event = comment()
    event["data"] |= {"content": '</pre><script>alert(1)</script><a hx-get="/audit">'}
    put(app, world.slug, event)
    move(app, world.inbox)
    for headers in ({}, FRAGMENT):
        page = admin.get(f"/destinations/{world.inbox}", headers=headers).text
        assert ">Messages<" in page and "&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page and '<a hx-get="/audit"' not in page
    assert ">Messages<" not in admin.get(f"/destinations/{world.hook}").text


def test_a_test_shows_the_masked_request_and_the_response(
    app: Flask, world: World, sink: Sink, visit: Callable[..., Visitor]
) -> None:
    support = visit("support")
    for headers in ({}, FRAGMENT):
        answer = support.post(
            f"/destinations/{world.hook}/test", {"type": "order.created"}, headers=headers
        )
        assert answer.status_code == 200
        assert "Test failed." in answer.text and "Response (400)" in answer.text
        assert "Bearer ••••" in answer.text and "very-secret-token-1" not in answer.text
        assert "<script>alert(1)" not in answer.text
    whole = support.post(f"/destinations/{world.hook}/test", {"type": "order.created"}).text
    assert re.search(r'value="order.created" selected', whole)


def test_a_name_that_looks_like_an_id_is_not_confused_with_it(
    app: Flask, world: World, admin: Visitor
) -> None:
    with app.app_context():
        other = destination_settings.create_destination("inbox", str(world.hook), {}, COMMAND_LINE)
        low = destination_settings.find_destination(str(world.hook))
        assert low.id == other.id  # on the command line a name comes first
    assert "<h1" in (page := admin.get(f"/destinations/{world.hook}").text)
    assert ">Hook</h1>" in page
    admin.post(f"/destinations/{world.hook}/pause", {"reason": "this one"})
    with app.app_context():
        assert destination_settings.find_destination(world.hook).state == "paused"
        assert destination_settings.find_destination(other.id).state == "active"


def test_the_form_of_a_webhook_has_headings_and_names_a_wrong_json_text(
    world: World, admin: Visitor
) -> None:
    page = admin.get("/destinations/new?kind=webhook").text
    assert page.index("<legend>Request</legend>") < page.index("<legend>Access</legend>")
    assert page.index("More settings") < page.index("Own certificate authority")
    form = {
        "name": "CRM",
        "url": "https://crm.example.com/in",
        "method": "PUT",
        "content": "json_text",
        "json_text": '{"total": {{ data.total }}}',
        "auth": "none",
        "which": "some",
        "event_types": ["order.created", "lead.created"],
    }
    wrong = admin.post("/destinations/new?kind=webhook", form)
    assert wrong.status_code == 422
    assert "With a sample of lead.created: The JSON text in the settings" in text_of(wrong.text)
    assert "{&#34;total&#34;: {{ data.total }}}" in wrong.text, "the text is lost"
    assert (
        admin.post(
            "/destinations/new?kind=webhook", {**form, "event_types": ["order.created"]}
        ).status_code
        == 303
    )
    listed = text_of(admin.get("/destinations").text)
    assert "PUT crm.example.com" in listed


@pytest.mark.parametrize("reference", ["env:SECRET_KEY", "file:/etc/passwd", "vault:kv/a#b"])
def test_a_reference_cannot_be_entered_here(app: Flask, admin: Visitor, reference: str) -> None:
    form = {"name": "Hook", "url": "https://example.com/", "auth": "bearer", "token": reference}
    answer = admin.post("/destinations/new?kind=webhook", {**form, "which": "all"})
    assert answer.status_code == 422
    assert "Only the command line takes one" in answer.text and reference not in answer.text


def test_a_stored_secret_does_not_follow_to_another_server(
    app: Flask, world: World, admin: Visitor, sink: Sink
) -> None:
    form = {"name": "Hook", "url": "https://evil.example/hook", "auth": "bearer", "token": ""}
    answer = admin.post(f"/destinations/{world.hook}/edit", form)
    assert answer.status_code == 422 and "Enter this again." in answer.text
    form["token"] = "another-token-1"
    assert admin.post(f"/destinations/{world.hook}/edit", form).status_code == 303
    audit = text_of(admin.get("/audit").text)
    assert f"{sink.url}/hook" in audit and "https://evil.example/hook" in audit
    assert "another-token-1" not in audit


def test_a_token_in_a_urls_query_is_nowhere_in_clear_and_still_sent(
    app: Flask, admin: Visitor, visit: Callable[..., Visitor], sink: Sink
) -> None:
    token = "qt-0123456789abcdefwxyz"
    form = {"name": "Hook", "url": f"{sink.url}/in?key={token}", "auth": "none", "which": "all"}
    page = admin.post("/destinations/new?kind=webhook", form).location
    masked = f"{sink.url}/in?key=••••wxyz"
    for found in (admin.get(f"{page}/edit").text, visit("viewer").get(page).text):
        assert token not in found and masked in found
    same = form | {"url": masked, "name": "Renamed"}
    assert admin.post(f"{page}/edit", same).status_code == 303
    tested = admin.post(f"{page}/test")
    assert sink.requests[0].path == f"/in?key={token}" and token not in tested.text
    with app.app_context():
        for table in db.metadata.sorted_tables:
            assert token not in repr(db.session.execute(table.select()).all()), table.name


def test_a_webhook_without_a_secret_shows_its_new_one_once(app: Flask, admin: Visitor) -> None:
    form = {"name": "ERP", "url": "https://example.com/hook", "auth": "signature", "types": "*"}
    made = admin.post("/destinations/new?kind=webhook", form)
    assert made.status_code == 303, text_of(made.text)
    secret = re.search(r"whsec_[A-Za-z0-9+/=]+", admin.get(made.location).text)
    assert secret
    assert secret[0] not in admin.get(made.location).text


def test_rejected_credentials_are_not_shown_as_active(world: World, admin: Visitor) -> None:
    for state, chip in ((AccessState.REFUSED, "Credentials rejected"), (AccessState.OK, "Active")):
        with admin.app.app_context():
            access.note(world.hook, state, "What the check found.")
        page = text_of(admin.get(f"/destinations/{world.hook}").text)
        assert f"State {chip} URL" in page
        listed = text_of(admin.get("/destinations").text)
        assert ("Credentials rejected What the check found." in listed) is (chip != "Active")


def test_recent_deliveries_say_what_they_are_about(world: World, admin: Visitor) -> None:
    page = text_of(admin.get(f"/destinations/{world.hook}", headers=FRAGMENT).text)
    assert "New comment Jane Doe: Grüße aus Köln" in page
    assert "New comment Jane Doe: Grüße aus Köln" in text_of(admin.get("/").text)
