"""The page of an AI step, and the page with the cost of all AI steps."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from relay.models import AiStep, AuditEntry, db
from relay.services.ai import steps as ai_steps
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from relay.services.operations import retention
from tests.dashboard.conftest import Visitor, text_of
from tests.support.events import comment
from tests.support.fake_openai import FakeOpenAI
from tests.support.world import World, move, put

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FRAGMENT = {"HX-Request": "true"}


def service(app: Flask, openai: FakeOpenAI) -> int:
    values = {
        "service": "openai",
        "base_url": openai.base_url,
        "models": "small-1 0.25 2.00\nlarge-1 1 4",
        "api_key": "sk-very-secret-key-1",
    }
    with app.app_context():
        return destination_settings.create_destination(
            "openai", "Support AI", values, COMMAND_LINE
        ).id


def address(app: Flask, destination_id: int) -> str:
    with app.app_context():
        (one,) = destination_settings.find_destination(destination_id).subscriptions
        return f"/destinations/{destination_id}/subscriptions/{one.id}/ai"


def form(ai: int, **changes: Any) -> dict[str, Any]:
    return {
        "model": f"{ai} small-1",
        "instructions": "Sort this.",
        "shown": ['["data", "content"]', '["data", "author"]'],
        "masking": "true",
        "field_name-0": "Topic of it",
        "field_type-0": "choice",
        "field_choices-0": "sales, support, sales,",
        "field_description-0": "What it is about",
        "field_name-1": "",
        "field_type-1": "text",
        "field_choices-1": "",
        "field_description-1": "",
        "max_input_tokens": "2000",
        "max_output_tokens": "500",
        "wait_s": "10",
        "day_cap": "2,50",
        "day_calls": "",
        "fallback": "go_on",
        **changes,
    }


def test_without_an_ai_service_the_page_links_to_adding_one(
    app: Flask, world: World, admin: Visitor
) -> None:
    page = admin.get(address(app, world.inbox)).text
    assert "Add an AI service first" in page and "/destinations/new?kind=openai" in page
    assert "No AI steps yet" in admin.get("/ai").text


def test_an_ai_service_is_added_and_receives_no_events(
    app: Flask, openai: FakeOpenAI, admin: Visitor
) -> None:
    assert "All event types" not in admin.get("/destinations/new?kind=openai").text
    base = {"service": "openai", "base_url": openai.base_url}
    values = {"name": "My AI", "models": "small-1 0.25 2"} | base
    created = admin.post("/destinations/new?kind=openai", values)
    assert created.status_code == 303, created.text
    here = created.location.partition("?")[0]
    page = admin.get(created.location).text
    assert "An AI service receives no events" in page and "Recent deliveries" not in page
    refused = admin.get(f"{here}/subscriptions/new")
    assert refused.status_code == 409 and "takes no events" in refused.text
    assert admin.get(f"{here}/edit").status_code == 200
    again = admin.post(f"{here}/edit", values | {"name": "Our AI"})
    assert again.status_code == 303
    assert "Used by AI steps" in admin.get("/destinations").text
    tried = admin.post(f"{here}/test", {"type": "order.created"}).text
    assert "Test succeeded." in tried
    spend = admin.get("/ai").text
    assert "Tests" in spend and "0.00011 USD" in spend


def test_a_step_has_defaults_and_is_saved_and_changed(
    app: Flask, world: World, openai: FakeOpenAI, admin: Visitor
) -> None:
    ai, here = service(app, openai), address(app, world.inbox)
    fresh = html.unescape(admin.get(here).text)
    assert 'value="["data", "content"]" checked' in fresh
    assert "Grüße aus Köln" in fresh
    assert "small-1 (per million tokens: 0.25 USD input, 2.00 USD output)" in text_of(fresh)
    assert "sk-very-secret-key-1" not in fresh
    saved = admin.post(here, form(ai))
    assert (saved.status_code, saved.location) == (303, f"/destinations/{world.inbox}")
    with app.app_context():
        step = db.session.query(AiStep).one()
        assert step.fields == [
            {
                "name": "topic_of_it",
                "type": "choice",
                "description": "What it is about",
                "choices": ["sales", "support"],
            }
        ]
        assert (step.day_cap, step.day_calls, step.masking) == (2_500_000, None, True)
        assert step.shown == [["data", "content"], ["data", "author"]]
        hook = destination_settings.find_destination(world.inbox)
        assert [one.path for one in ai_steps.fields_of(hook.subscriptions[0])] == [
            ("ai", "topic_of_it")
        ]
    assert "small-1 at Support AI adds topic_of_it" in text_of(admin.get(saved.location).text)
    page = admin.get(here).text
    assert 'value="sales, support"' in page and 'value="2.5"' in page
    admin.post(here, {k: v for k, v in form(ai, model=f"{ai} large-1").items() if k != "masking"})
    with app.app_context():
        step = db.session.query(AiStep).one()
        assert (step.model, step.masking) == ("large-1", False)
    assert admin.post(f"{here}/remove").status_code == 303
    assert admin.post(f"{here}/remove").status_code == 404
    with app.app_context():
        trail = [entry.action for entry in db.session.query(AuditEntry)]
    assert trail.count("ai_step.save") == 2 and trail.count("ai_step.remove") == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model": "99 small-1"}, "Choose one of the models."),
        ({"model": "nonsense"}, "Choose one of the models."),
        ({"instructions": ""}, "Describe in 1 to 4000 characters"),
        ({"instructions": "Read {{ data.content }}"}, "do not belong in the instructions"),
        ({"shown": []}, "Select at least one field."),
        ({"shown": ["nonsense", "[1]", "{}"]}, "Select at least one field."),
        ({"text": "{% if %}"}, "has an error"),
        ({"field_name-0": ""}, "Name 1 to 20 fields"),
        ({"field_name-1": "topic of IT"}, "Two fields have the same name."),
        ({"field_choices-0": "one"}, "Enter 2 to 50 short choices"),
        ({"field_type-0": "magic"}, "one of the types"),
        ({"wait_s": "60"}, "from 1 to 20"),
        ({"max_output_tokens": "lots"}, "Enter a number"),
        ({"day_cap": "-1"}, "Enter a number"),
        ({"max_input_tokens": "210"}, "alone use nearly all of it"),
        ({"fallback": "panic"}, "Choose one of the two."),
    ],
)
def test_an_invalid_form_keeps_the_entered_values(
    app: Flask,
    world: World,
    openai: FakeOpenAI,
    admin: Visitor,
    changes: dict[str, Any],
    sentence: str,
) -> None:
    ai, here = service(app, openai), address(app, world.inbox)
    answer = admin.post(here, form(ai, **{"field_description-0": "Kept words", **changes}))
    assert answer.status_code == 422
    assert sentence in html.unescape(answer.text)
    assert changes.get("field_name-0") == "" or "Kept words" in answer.text
    for headers in ({}, FRAGMENT):
        tried = admin.post(f"{here}/try", form(ai, **changes), headers=headers)
        assert sentence in html.unescape(tried.text)
    assert not openai.requests
    with app.app_context():
        assert not db.session.query(AiStep).count()


def test_adding_a_field_keeps_the_entered_values(
    app: Flask, world: World, openai: FakeOpenAI, admin: Visitor
) -> None:
    ai, here = service(app, openai), address(app, world.inbox)
    more = form(ai, **{"field_name-1": "Second", "more": "1", "instructions": "My words"})
    page = admin.post(here, more).text
    assert 'value="Topic of it"' in page and 'value="Second"' in page and "My words" in page
    assert 'name="field_name-2"' in page
    with app.app_context():
        assert not db.session.query(AiStep).count()


def test_a_test_shows_the_data_sent_the_answer_and_the_cost(
    app: Flask, world: World, openai: FakeOpenAI, admin: Visitor
) -> None:
    ai, here = service(app, openai), address(app, world.inbox)
    event = comment()
    event["data"] |= {
        "author": "Jane Doe",
        "content": "</pre><script>alert(1)</script> Jane Doe, jane@example.com",
    }
    chosen = put(app, world.slug, event)
    openai.says(topic_of_it="support")
    for headers in (FRAGMENT, {}):
        tried = admin.post(f"{here}/try", form(ai, event=str(chosen)), headers=headers)
        assert tried.status_code == 200
        assert "topic of it" in tried.text and "support" in tried.text
        assert "[NAME_1], [EMAIL_1]" in tried.text
        assert "<script>alert" not in tried.text and "sk-very-secret" not in tried.text
    answer = admin.post(f"{here}/try", form(ai, event=str(world.event)), headers=FRAGMENT)
    assert "120 input tokens, 40 output tokens, 0.00011 USD" in text_of(answer.text)
    assert "<html" not in admin.post(f"{here}/try", form(ai), headers=FRAGMENT).text
    with app.app_context():
        assert not db.session.query(AiStep).count(), "a test saved the step"


def test_a_failed_test_shows_the_reason(
    app: Flask, world: World, openai: FakeOpenAI, admin: Visitor
) -> None:
    ai, here = service(app, openai), address(app, world.inbox)
    with app.app_context():
        destination_settings.pause(ai, COMMAND_LINE, "No money")
    text = html.unescape(admin.post(f"{here}/try", form(ai), headers=FRAGMENT).text)
    assert "Without AI: Support AI is paused. No money" in text


def test_the_event_page_and_the_cost_page_show_the_result(
    app: Flask, world: World, openai: FakeOpenAI, admin: Visitor, visit: Callable[..., Visitor]
) -> None:
    ai, here = service(app, openai), address(app, world.inbox)
    admin.post(here, form(ai, day_calls="1"))
    ids = []
    for content in ("First", "Second"):
        event = comment()
        event["data"]["content"] = content
        ids.append(put(app, world.slug, event))
        move(app, world.inbox)
    viewer = visit("viewer")
    pages = [html.unescape(viewer.get(f"/events/{one}").text) for one in ids]
    assert "With AI: small-1 answered." in pages[0] and "topic of it" in pages[0]
    assert "Without AI: the day's cap of 1 call for this AI step was reached." in pages[1]
    spend = viewer.get("/ai").text
    assert "1 of 1 calls" in text_of(spend) and "Limit reached." in spend and here not in spend
    assert re.search(r'data-label="Calls">\s*1\s*<', spend)
    assert "AI step of Inbox" in spend and "style=" not in spend


def test_only_admins_open_a_step_and_only_of_its_own_destination(
    app: Flask, world: World, openai: FakeOpenAI, admin: Visitor, visit: Callable[..., Visitor]
) -> None:
    ai, here = service(app, openai), address(app, world.inbox)
    support = visit("support")
    assert support.get(here).status_code == 403
    for path in (here, f"{here}/try", f"{here}/remove"):
        assert support.post(path, form(ai)).status_code == 403
    other = here.replace(f"/destinations/{world.inbox}/", f"/destinations/{world.hook}/")
    assert admin.get(other).status_code == 404
    assert not openai.requests


def test_cached_answers_are_pruned_with_the_events_and_usage_after_two_months(
    app: Flask, world: World, openai: FakeOpenAI, admin: Visitor
) -> None:
    from sqlalchemy import text

    ai, here = service(app, openai), address(app, world.inbox)
    admin.post(f"{here}/try", form(ai))
    with app.app_context():
        for used, day, left in (
            ("2000-01-01 00:00:00.000000", "CURRENT_DATE", [0, 1]),
            ("2000-01-01 00:00:00.000000", "'2000-01-01'", [0, 0]),
        ):
            db.session.execute(text(f"UPDATE ai_answer SET used_at = '{used}'"))
            db.session.execute(text(f"UPDATE ai_use SET day = {day}"))
            db.session.commit()
            retention.prune(COMMAND_LINE)
            tables = ("ai_answer", "ai_use")
            counts = [db.session.scalar(text(f"SELECT count(*) FROM {t}")) for t in tables]
            assert counts == left


def test_field_paths_survive_the_form(
    app: Flask, world: World, openai: FakeOpenAI, admin: Visitor
) -> None:
    ai, here = service(app, openai), address(app, world.inbox)
    event = comment(event="x.odd")
    event["data"] = {'a "b" <c>': {"d'e": "value"}, "f.g": "other"}
    put(app, world.slug, event)
    page = admin.get(here).text
    values = [html.unescape(v) for v in re.findall(r'name="shown" value="([^"]*)"', page)]
    paths = [json.loads(value) for value in values]
    assert ["data", 'a "b" <c>', "d'e"] in paths and ["data", "f.g"] in paths
    admin.post(here, form(ai, shown=values))
    with app.app_context():
        assert db.session.query(AiStep).one().shown == paths
    assert admin.get(here).text.count('name="shown"') == len(values)


def test_a_mapping_can_use_answer_fields_before_the_first_answer(
    app: Flask, world: World, openai: FakeOpenAI, admin: Visitor
) -> None:
    ai, here = service(app, openai), address(app, world.inbox)
    page = here.removesuffix("/ai") + "/mapping?type=comment.created"
    assert "AI topic of it" not in admin.get(page).text
    assert admin.post(here, form(ai)).status_code == 303
    offered = html.unescape(admin.get(page).text)
    assert "AI topic of it" in offered and '["ai","topic_of_it"]' in offered
    rows = {"custom": "true", "r0-name": "topic", "r0-from": '["ai","topic_of_it"]'}
    preview = html.unescape(admin.post(page, rows | {"do": "preview"}).text)
    assert '"topic": "sales"' in preview and "which no recent event has" not in preview
    assert admin.post(page, rows | {"do": "save"}).status_code == 303
