"""``docs/extending.md`` works as printed: its kind and its event type are added and used."""

from __future__ import annotations

import inspect
import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flask import Flask
from markdown_it import MarkdownIt

from relay import event_types
from relay.destinations import KINDS, find_kinds, kinds
from relay.destinations.base import Kind
from relay.destinations.kinds.hubspot import default_mapping
from relay.ingest import schemas
from tests import test_event_types
from tests.dashboard.conftest import Visitor
from tests.support.kind_contract import BROKEN, CHECKS, check_a_broken_service_is_retried
from tests.support.sink import Answer, Sink

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"
MODULE = "relay.destinations.kinds.discord"
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def blocks() -> list[str]:
    """The Python of the page, block by block."""
    tokens = MarkdownIt("commonmark").parse(PAGE.read_text(encoding="utf-8"))
    return [one.content for one in tokens if one.type == "fence" and one.info == "python"]


def block(start: str) -> str:
    (found,) = [text for text in blocks() if text.startswith(start)]
    return found


@pytest.fixture
def discord(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kind]:
    """The kind of the page, found as a file in ``kinds/`` would be."""
    (tmp_path / "discord.py").write_text(block('"""Discord'), encoding="utf-8")
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(tmp_path)])
    found = find_kinds()
    assert set(found) - set(KINDS) == {"discord"}
    monkeypatch.setitem(KINDS, "discord", found["discord"])
    yield found["discord"]
    del sys.modules[MODULE], kinds.discord


def test_the_example_is_short() -> None:
    assert len(block('"""Discord').splitlines()) <= 90


def test_the_kind_keeps_the_contract(discord: Kind) -> None:
    for check in CHECKS:
        check(discord)


@pytest.mark.parametrize("answer", BROKEN)
def test_the_kind_retries_a_broken_service(discord: Kind, answer: Answer, sink: Sink) -> None:
    check_a_broken_service_is_retried(discord, answer, sink)


@pytest.mark.usefixtures("discord")
def test_its_test_file_passes(sink: Sink) -> None:
    module = ModuleType("test_discord")
    exec(compile(block("from relay.destinations import KINDS"), str(PAGE), "exec"), vars(module))
    tests = [test for name, test in vars(module).items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        sink.forget()
        test(sink)


@SQLITE
@pytest.mark.usefixtures("discord")
def test_the_dashboard_offers_it_and_creates_one(app: Flask, sink: Sink) -> None:
    admin = Visitor(app, "admin")
    assert "Posts a message to a Discord channel." in admin.get("/destinations/new").text
    form = admin.get("/destinations/new?kind=discord").text
    assert 'name="webhook_url"' in form and "Copy Webhook URL" in form
    refused = admin.post("/destinations/new?kind=discord", {"name": "Team", "which": "all"})
    assert "Enter the webhook URL from Discord." in refused.text
    values = {
        "name": "Team",
        "which": "all",
        "webhook_url": f"{sink.url}/api/webhooks/1/hidden-key",
    }
    made = admin.post("/destinations/new?kind=discord", values)
    assert made.status_code == 303, made.text
    page = admin.get(made.headers["Location"]).text
    assert "Team" in page and "hidden-key" not in page


@SQLITE
@pytest.mark.usefixtures("discord")
def test_the_command_line_describes_creates_and_tests_one(app: Flask, sink: Sink) -> None:
    def flask(*words: str, input: str | None = None) -> Any:
        done = app.test_cli_runner().invoke(args=[*words, "--json"], input=input)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    assert "discord" in [item["slug"] for item in flask("kinds")["items"]]
    (field,) = flask("kinds", "discord")["fields"]
    assert (field["name"], field["required"], field["secret"]) == ("webhook_url", True, True)
    words = ("destinations", "create", "discord", "Team", "--secret", "webhook_url=-")
    flask(*words, input=f"{sink.url}/api/webhooks/1/hidden-key\n")
    assert flask("destinations", "test", "Team", "--type", "order.created")["ok"]
    (request,) = sink.requests
    assert request.json()["content"].startswith("TEST **New order #1042: 129.90 EUR**")


def test_the_event_type_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    family = eval(block("Family("), vars(event_types))
    booking = eval(block("EventType("), vars(event_types))
    names = dict(vars(schemas))
    exec(textwrap.dedent(block("class BookingData")), names)
    mappings = eval(block('{"booking.created"'), vars(default_mapping))
    monkeypatch.setitem(event_types.FAMILIES, family.name, family)
    monkeypatch.setitem(event_types.EVENT_TYPES, booking.name, booking)
    monkeypatch.setitem(event_types.SAMPLES, booking.name, booking.sample)
    monkeypatch.setitem(schemas.TYPES, booking.name, names["BookingData"]())
    monkeypatch.setitem(default_mapping.MAPPINGS, booking.name, mappings[booking.name])
    checked = 0
    for name, test in vars(test_event_types).items():
        parameters = list(inspect.signature(test).parameters) if name.startswith("test_") else []
        if parameters == ["event_type"]:
            test(booking)
        elif parameters == ["kind", "event_type"]:
            for kind in test_event_types.MAPPED_KINDS:
                test(kind, booking)
        else:
            continue
        checked += 1
    assert checked >= 10
