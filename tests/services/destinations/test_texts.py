"""Texts of a destination are tried on events before they are saved."""

from __future__ import annotations

import pytest
from flask import Flask

from relay.errors import Invalid
from relay.models import Destination
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from relay.services.sources import settings as source_settings
from relay.services.subscriptions import settings as subscription_settings
from relay.services.subscriptions.settings import SubscriptionSettings
from tests.support.world import put

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
URL = "https://hook.example.com/in"


def make(events: list[str], **values: str) -> Destination:
    settings = {"url": URL, "auth": "none", **values}
    return destination_settings.create_destination(
        "webhook", "Hook", settings, COMMAND_LINE, events
    )


def refusal(events: list[str], **values: str) -> dict[str, list[str]]:
    with pytest.raises(Invalid) as refused:
        make(events, **values)
    return refused.value.reasons


def test_a_json_text_must_be_json_with_the_sample_of_each_type(app: Flask) -> None:
    text = '{"total": {{ data.total }}}'
    with app.app_context():
        reasons = refusal(["order.*", "lead.created"], content="json_text", json_text=text)
        (sentence,) = reasons["json_text"]
        assert sentence.startswith("With a sample of lead.created: The JSON text in the settings")
        assert 'line 1, column 11, after “{"total":” and before “}”' in sentence
        assert "choose fewer event types" in sentence
        assert make(["order.*"], content="json_text", json_text=text).config["json_text"] == text


def test_a_change_is_checked_with_the_types_of_its_subscriptions(app: Flask) -> None:
    with app.app_context():
        hook = make(["lead.created"], content="json_text", json_text="{}")
        values = hook.config | {"json_text": '{"total": {{ data.total }}}'}
        with pytest.raises(Invalid) as refused:
            destination_settings.update_destination(hook.id, "Hook", values, COMMAND_LINE)
        assert list(refused.value.reasons) == ["json_text"]


def test_a_subscription_for_events_that_the_text_cannot_take_is_refused(app: Flask) -> None:
    with app.app_context():
        hook = make(["order.*"], content="json_text", json_text='{"total": {{ data.total }}}')
        with pytest.raises(Invalid) as refused:
            subscription_settings.create(hook, SubscriptionSettings(["lead.created"]), COMMAND_LINE)
        (sentence,) = refused.value.reasons["event_types"]
        assert sentence.startswith("Hook cannot send these events. With a sample of lead.created:")
        with pytest.raises(Invalid):
            subscription_settings.change(
                hook.subscriptions[0], SubscriptionSettings(["*"]), COMMAND_LINE
            )
        subscription_settings.create(hook, SubscriptionSettings(["order.created"]), COMMAND_LINE)


def test_a_custom_type_is_checked_with_its_newest_event(app: Flask) -> None:
    text = '{"nights": {{ data.nights }}}'
    event = {"event": "x.booking", "event_id": "evt-1", "site": "https://shop.example.com"}
    with app.app_context():
        hook = make(["x.booking"], content="json_text", json_text=text)
        source, _, _ = source_settings.create_source(
            "Shop", "https://shop.example.com", COMMAND_LINE
        )
        slug = source.slug
        hook_id, config = hook.id, dict(hook.config)
    put(app, slug, {**event, "data": {"days": 2}})
    with app.app_context(), pytest.raises(Invalid) as refused:
        destination_settings.update_destination(hook_id, "Hook", config, COMMAND_LINE)
    assert "With a sample of x.booking" in refused.value.reasons["json_text"][0]


@pytest.mark.parametrize(
    ("values", "setting"),
    [
        ({"content": "json_text", "json_text": "{% cycle data.a %}"}, "json_text"),
        ({"content": "json_text", "json_text": "{{ data.a"}, "json_text"),
        ({"path": "/c/{{ data.no_such }}"}, "path"),
        ({"query": "a={{ data.number | divided_by: 0 }}"}, "query"),
        ({"extra_headers": "X-A: {{ data.number"}, "extra_headers"),
    ],
)
def test_a_text_that_cannot_work_is_refused(
    app: Flask, values: dict[str, str], setting: str
) -> None:
    with app.app_context():
        assert list(refusal(["order.created"], **values)) == [setting]
