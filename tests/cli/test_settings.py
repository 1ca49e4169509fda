"""``flask settings`` and ``flask destinations check``: the same as the pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from relay import database
from relay.models import Event, db
from tests.cli.conftest import Run
from tests.support.sink import Answer, Sink
from tests.support.world import make

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_every_setting_is_listed_with_where_it_comes_from(run: Run) -> None:
    rows = {row["variable"]: row for row in run("settings", "list", "--json")["settings"]}
    assert rows["RELAY_RETENTION_DAYS"]["value"] == "30"
    assert rows["RELAY_RETENTION_DAYS"]["source"] == "default"
    assert run("settings", "retention", "--bodies", "5", "--json") == {
        "changed": {"attempt_body_days": 5}
    }
    rows = {row["variable"]: row for row in run("settings", "list", "--json")["settings"]}
    assert rows["RELAY_ATTEMPT_BODY_DAYS"]["source"] == "database"
    assert {"RELAY_PUBLIC_URL", "RELAY_METRICS_TOKEN", "RELAY_DATA_DIR"} <= set(rows)


def test_a_shorter_retention_that_deletes_needs_yes(app: Flask, run: Run, sink: Sink) -> None:
    make(app, sink)
    with app.app_context():
        then = database.now(db.session) - timedelta(days=10)
        db.session.execute(update(Event).values(received_at=then))
        db.session.commit()
    refused = run("settings", "retention", "--events", "7", code=1)
    assert "This deletes 1 events at the next hourly run" in refused
    assert run("settings", "retention", "--events", "7", "--yes", "--json")["changed"] == {
        "retention_days": 7
    }


def test_the_first_steps_can_be_hidden(run: Run) -> None:
    assert run("settings", "first-steps", "--json")["steps"]["site"] is False
    assert run("settings", "first-steps", "--hide", "--json")["shown"] is False
    assert run("settings", "first-steps", "--show", "--json")["shown"] is True


def test_credentials_that_are_rejected_end_with_1(run: Run, sink: Sink) -> None:
    token = ("--set", "way=bot", "--secret", "bot_token=-", "--set", "channel=C0123456789")
    words = ("destinations", "create", "slack", "Bot", *token, "--set", f"api_url={sink.url}/api")
    run(*words, input="xoxb-0123456789-abcdefghijkl")
    json = {"Content-Type": "application/json"}
    sink.answers([Answer(200, b'{"ok":false,"error":"invalid_auth"}', json)], "/api/auth.test")
    assert "Slack rejected the credentials" in run("destinations", "check", "Bot", code=1)
    sink.answers([Answer(200, b'{"ok":true,"user":"a","team":"b"}', json)], "/api/auth.test")
    assert run("destinations", "check", "Bot").strip() == "Connected as a in b."
