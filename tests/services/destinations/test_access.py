"""Credentials are checked with a call that changes nothing, and the result says whose side is at fault."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from relay.models import Destination, db
from relay.rules.states import AccessState
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import access
from relay.services.destinations import settings as destination_settings
from tests.support.fake_hubspot import TOKEN, FakeHubSpot
from tests.support.sink import Answer, Sink

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
BOT = {"way": "bot", "bot_token": "xoxb-0123456789-abcdefghijkl", "channel": "C0123456789"}


def create(app: Flask, kind: str, **values: Any) -> int:
    with app.app_context():
        return destination_settings.create_destination(kind, kind, values, COMMAND_LINE).id


def check(app: Flask, destination_id: int) -> tuple[str, str]:
    """As the worker does it."""
    with app.app_context():
        access.check(destination_id)
        found = db.session.get_one(Destination, destination_id, populate_existing=True)
        return found.access_state, found.access_text


def answer(sink: Sink, body: dict[str, Any], status: int = 200, path: str = "") -> None:
    said = Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})
    sink.answers([said], path)


def test_saving_does_not_wait_and_a_worker_is_woken(app: Flask, sink: Sink) -> None:
    number = create(app, "slack", **BOT, api_url=f"{sink.url}/api")
    assert not sink.requests
    with app.app_context():
        found = db.session.get_one(Destination, number)
        assert found.access_state == AccessState.CHECKING and found.access_checked_at


def test_slack_says_which_bot_it_is(app: Flask, sink: Sink) -> None:
    number = create(app, "slack", **BOT, api_url=f"{sink.url}/api")
    answer(sink, {"ok": True, "user": "relay", "team": "Tea Shop"}, path="/api/auth.test")
    assert check(app, number) == ("ok", "Connected as relay in Tea Shop.")
    (seen,) = sink.requests
    assert seen.headers["authorization"] == f"Bearer {BOT['bot_token']}"


def test_a_token_that_slack_rejects(app: Flask, sink: Sink) -> None:
    number = create(app, "slack", **BOT, api_url=f"{sink.url}/api")
    answer(sink, {"ok": False, "error": "invalid_auth"}, path="/api/auth.test")
    state, text = check(app, number)
    assert state == "refused"
    assert text.startswith("Slack rejected the credentials: Slack no longer accepts the bot token.")
    assert "resume" not in text and BOT["bot_token"] not in text


def test_a_service_that_does_not_answer_says_nothing_about_the_token(
    app: Flask, sink: Sink
) -> None:
    number = create(app, "slack", **BOT, api_url=f"{sink.url}/api")
    answer(sink, {}, 503, path="/api/auth.test")
    assert check(app, number)[0] == "unknown"


def test_a_changed_token_is_checked_again_and_another_name_is_not(app: Flask, sink: Sink) -> None:
    number = create(app, "slack", **BOT, api_url=f"{sink.url}/api")
    answer(sink, {"ok": True, "user": "relay", "team": "Tea Shop"}, path="/api/auth.test")
    check(app, number)
    for name, token, state in (("New name", "", "ok"), ("New name", "xoxb-9-other", "checking")):
        with app.app_context():
            values = {**BOT, "bot_token": token, "api_url": f"{sink.url}/api"}
            found = destination_settings.update_destination(number, name, values, COMMAND_LINE)
            assert found.access_state == state


def test_hubspot_says_which_account_it_is(app: Flask, hubspot: FakeHubSpot) -> None:
    number = create(app, "hubspot", token=TOKEN, base_url=hubspot.url)
    state, text = check(app, number)
    assert (state, text[:29]) == ("ok", "Connected to HubSpot account ")
    other = create(app, "webhook", url="https://example.com/hook", auth="none")
    with app.app_context():
        assert not access.can_check(destination_settings.find_destination(other))


def test_a_client_that_gets_no_access_token(app: Flask, sink: Sink) -> None:
    number = create(
        app,
        "webhook",
        url=f"{sink.url}/hook",
        auth="oauth2",
        token_url=f"{sink.url}/token",
        client_id="relay",
        client_secret="wrong-secret-123",  # noqa: S106
    )
    answer(sink, {"error": "invalid_client"}, 401, path="/token")
    state, text = check(app, number)
    assert state == "refused" and "gave no access token" in text
    answer(sink, {"access_token": "abc", "token_type": "bearer"}, path="/token")
    assert check(app, number)[0] == "ok"
    assert {seen.path for seen in sink.requests} == {"/token"}, "no event is sent"
