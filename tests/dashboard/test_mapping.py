"""The mapping editor: custom mappings, previews, tests and versions, without a script."""

from __future__ import annotations

import html
import re

import pytest
from flask import Flask
from sqlalchemy import select

from relay.dashboard import mapping
from relay.destinations import KINDS
from relay.errors import Invalid
from relay.models import MappingVersion, db
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from tests.dashboard.conftest import Visitor, text_of
from tests.support.events import lead, order
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
    assert "This is the default mapping." in page
    assert chosen_in(page, "r0-from") == "computed:message.standard"
    assert "{{" not in page and "{%" not in page and "path-secret-three" not in page
    form = {"type": "order.created", "r0-name": "text", "r0-from": "text", "r0-text": ""}
    empty = admin.post(here, {**form, "do": "save"})
    assert empty.status_code == 422 and "Write the text, or choose another value." in empty.text
    begun = admin.post(here, {**form, "do": "standard:0"}).text
    assert "*New order #{{ data.number }}:" in begun and "How to write a text" in begun
    assert admin.post(here, {**form, "r0-text": "Mine", "do": "save"}).status_code == 303
    assert ">Mine</textarea>" in admin.get(here).text
    back = admin.post(here, {**form, "do": "default"}).text
    assert chosen_in(back, "r0-from") == "computed:message.standard"


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


def chosen_in(page: str, name: str) -> str:
    """The value of a select on a page."""
    select = page.split(f'name="{name}"', 1)[1].split("</select>", 1)[0]
    (option,) = re.findall(r'<option value="([^"]*)"\s+selected', select)
    return html.unescape(option)


def hubspot_mapping(app: Flask, event_type: str) -> str:
    """The address of the mapping page of a new HubSpot destination."""
    with app.app_context():
        made = destination_settings.create_destination(
            "hubspot", "CRM", {"token": "pat-1"}, COMMAND_LINE, [event_type]
        )
        return f"/destinations/{made.id}/subscriptions/{made.subscriptions[0].id}/mapping"


@pytest.mark.parametrize("event_type", ["lead.created", "order.created", "comment.created"])
def test_hubspots_default_mapping_is_shown_as_sentences_without_code(
    app: Flask, world: World, admin: Visitor, event_type: str
) -> None:
    page = admin.get(hubspot_mapping(app, event_type)).text
    assert "{{" not in page and "{%" not in page
    assert "How to write a text" not in page and "data-liquid" not in page
    assert chosen_in(page, "r0-from").startswith("computed:")


def test_a_lead_that_fills_only_a_contact_needs_no_deal(
    app: Flask, world: World, admin: Visitor
) -> None:
    page = admin.get(hubspot_mapping(app, "lead.created")).text
    assert "Deal name is required" not in page and 'value="deal.dealname"' not in page
    assert "The sample event can be sent." in page


def test_a_computed_field_is_offered_with_its_value_in_a_recent_event(
    app: Flask, world: World, admin: Visitor
) -> None:
    page = html.unescape(admin.get(hubspot_mapping(app, "lead.created")).text)
    assert "E-mail address of the lead (jane@example.com)" in page
    assert "First name of the lead (Jane)" in page
    email, rest = page.split('name="r1-from"', 1)
    assert "Phone number of the lead" not in email.split('name="r0-from"', 1)[1]
    assert "Phone number of the lead" in rest


def test_the_stage_of_a_deal_is_chosen_by_order_status_without_code(
    app: Flask, world: World, admin: Visitor
) -> None:
    here = hubspot_mapping(app, "order.created")
    page = html.unescape(admin.get(here).text)
    words = "Paid → closedwon, cancelled → closedlost, otherwise → appointmentscheduled"
    assert words in page and chosen_in(page, "r10-from") == "computed:order.stage"
    form = {
        "type": "order.created",
        "r0-name": "deal.dealstage",
        "r0-from": "computed:order.stage",
        "r0-with-paid": "won-1",
        "r0-with-other": "new-1",
        "r0-with-code": "ignored",
    }
    asked = admin.post(here, {**form, "do": "save"})
    assert asked.status_code == 422 and "would fail with this mapping." in text_of(asked.text)
    assert "won-1" not in html.unescape(admin.get(here).text), "nothing is saved before the answer"
    assert admin.post(here, {**form, "do": "save-anyway"}).status_code == 303
    saved = html.unescape(admin.get(here).text)
    assert "Paid → won-1, otherwise → new-1" in saved
    nothing = admin.post(here, {**form, "r0-with-paid": "", "r0-with-other": "", "do": "save"})
    assert nothing.status_code == 422 and "Choose at least one value" in nothing.text


def test_the_standard_message_stays_beside_a_custom_subject(
    app: Flask, world: World, admin: Visitor
) -> None:
    with app.app_context():
        values = KINDS["email"].example_config | KINDS["email"].example_secrets
        made = destination_settings.create_destination(
            "email", "Mail", values, COMMAND_LINE, ["order.created"]
        )
        here = f"/destinations/{made.id}/subscriptions/{made.subscriptions[0].id}/mapping"
    form = {
        "type": "order.created",
        "r0-name": "subject",
        "r0-from": "text",
        "r0-text": "Number {{ data.number }}",
        "r1-name": "text",
        "r1-from": "computed:message.standard",
    }
    assert admin.post(here, {**form, "do": "save"}).status_code == 303
    page = html.unescape(admin.get(here).text)
    assert "Subject: Number 1042" in page and "Total: 129.90 EUR" in page
    assert chosen_in(page, "r1-from") == "computed:message.standard"
    with app.app_context():
        (saved,) = db.session.scalars(
            select(MappingVersion.rules).where(MappingVersion.number == 2)
        )
    assert saved["order.created"]["text"] == {"computed": "message.standard"}


def test_a_message_in_the_settings_is_checked_as_strictly_as_in_a_mapping(
    app: Flask, world: World
) -> None:
    url = "https://hooks.slack.com/services/T0/B0/path-secret-three"
    with app.app_context(), pytest.raises(Invalid) as refused:
        destination_settings.create_destination(
            "slack", "Team", {"webhook_url": url, "text": "{{ data.a | trim }}"}, COMMAND_LINE
        )
    assert "There is no filter “trim”. Do you mean “strip”?" in refused.value.reasons["text"][0]


def test_a_computed_field_of_another_event_type_is_refused(
    app: Flask, world: World, admin: Visitor
) -> None:
    here = hubspot_mapping(app, "lead.created")
    for chosen, sentence in (
        ("order.total", "“Order total” does not exist for events of the type lead.created."),
        ("lead.emial", "Relay has no computed field lead.emial. Do you mean lead.email?"),
    ):
        form = {"r0-name": "contact.email", "r0-from": f"computed:{chosen}", "do": "save"}
        answer = admin.post(here, {"type": "lead.created", **form})
        assert answer.status_code == 422 and sentence in answer.text


def test_a_text_with_an_unknown_filter_is_refused_with_a_suggestion(
    app: Flask, world: World, admin: Visitor
) -> None:
    here = hubspot_mapping(app, "lead.created")
    form = {"r0-name": "contact.email", "r0-from": "text", "r0-text": "{{ data.a | lower }}"}
    answer = admin.post(here, {"type": "lead.created", **form, "do": "save"})
    assert answer.status_code == 422
    assert "There is no filter “lower”. Do you mean “downcase”?" in answer.text


def test_the_field_of_a_failed_delivery_is_marked_and_what_failed_can_be_resent_after_saving(
    app: Flask, world: World, admin: Visitor
) -> None:
    here = f"/destinations/{world.hook}/subscriptions/2/mapping"
    admin.post(here, {**rows(("sum", TOTAL, "")), "type": "comment.created", "do": "save-anyway"})
    page = admin.get(f"{here}?type=comment.created&field=sum").text
    assert page.count('id="pointed"') == 1 and "Deliveries failed because of this field." in page
    assert 'id="pointed"' not in admin.get(f"{here}?type=comment.created&field=other").text
    form = rows(("who", '["data","author"]', "")) | {"type": "comment.created", "do": "save"}
    saved = admin.post(here, form, follow_redirects=True).text
    assert "1 failed delivery can be resent." in text_of(saved)
    found = re.search(r'href="([^"]+)">Resend 1</a>', saved)
    assert found
    preview = text_of(admin.get(html.unescape(found[1])).text)
    assert "1" in preview and "Hook" in preview
    orders = admin.post(here, {**rows(("sum", TOTAL, "")), "do": "save"}, follow_redirects=True)
    assert "can be resent" not in orders.text, "no order has failed"


def test_a_list_is_saved_with_how_it_is_shown(app: Flask, world: World, admin: Visitor) -> None:
    put(app, world.slug, order("o-list"))
    here = f"/destinations/{world.hook}/subscriptions/2/mapping"
    form = rows(("things", '["data","items"]', "")) | {"r0-list": "names", "r0-as": "text"}
    preview = html.unescape(admin.post(here, {**form, "do": "preview"}).text)
    assert '"things": "Blue teapot, Green tea, 100 g"' in preview
    assert admin.post(here, {**form, "do": "save"}).status_code == 303
    page = admin.get(f"{here}?type=order.created").text
    assert chosen_in(page, "r0-list") == "names"


def test_a_lead_with_ten_thousand_fields_makes_no_large_page(
    app: Flask, world: World, admin: Visitor
) -> None:
    fields = {f"Question {number}": f"Answer {number}" for number in range(10_000)}
    put(app, world.slug, lead(1, fields=fields))
    here = hubspot_mapping(app, "lead.created")
    page = admin.get(here).text
    assert len(page) < 500_000 and page.count('class="field-pick"') == 300
    assert "Search to find them." in page
    found = admin.get(f"{here}/fields?type=lead.created&q=question+9998", headers=FRAGMENT).text
    assert found.count('class="field-pick"') == 1 and "Answer 9998" in found


def test_a_field_that_the_selects_do_not_list_stays_chosen(
    app: Flask, world: World, admin: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapping, "MOST_OPTIONS", 1)
    put(app, world.slug, lead(1))
    here = hubspot_mapping(app, "lead.created")
    origin = '["data","fields","Name"]'
    form = {"type": "lead.created", "r0-name": "firstname", "r0-from": origin, "do": "preview"}
    answer = admin.post(here, form).text
    assert chosen_in(answer, "r0-from") == origin and "(not in recent" not in answer
