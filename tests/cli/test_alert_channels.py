"""``flask alerts channels``."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from flask import Flask

from relay.cli.alert_channels import channels
from tests.cli.conftest import Run
from tests.support.sink import Sink

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
URL = "https://hook.example.com/in"


@pytest.fixture
def call(app: Flask, run: Run) -> Run:
    """``run`` below ``flask alerts channels``."""
    if "alerts" not in app.cli.commands:
        app.cli.add_command(channels)
        return lambda *words, **more: run("channels", *words, **more)
    return lambda *words, **more: run("alerts", "channels", *words, **more)


def make(call: Run, *more: str) -> dict[str, Any]:
    words = ("create", "webhook", "Hook", "--set", f"url={URL}", *more, "--json")
    made: dict[str, Any] = call(*words)
    return made


def test_a_webhooks_secret_is_printed_once(call: Run) -> None:
    made = make(call)
    assert made["secret"].startswith("whsec_")
    assert made["secrets"] == {"signing_secret": f"••••{made['secret'][-4:]}"}
    for words in (("list", "--json"), ("show", "Hook", "--json"), ("show", "Hook"), ("list",)):
        assert made["secret"] not in str(call(*words))
    said = call("create", "webhook", "Two", "--set", f"url={URL}")
    assert "Signing secret, shown only now: whsec_" in said


def test_a_channel_has_the_settings_of_the_destination_of_its_kind(call: Run) -> None:
    made = call(
        *("create", "slack", "Team", "--secret", "webhook_url=-", "--severity", "critical"),
        *("--rule", "disk_space", "--rule", "no_worker"),
        *("--quiet", "22:00-07:00", "--timezone", "Europe/Vienna", "--json"),
        input="https://hooks.slack.com/services/T0/B0/very-secret-key\n",
    )
    assert made["secrets"] == {"webhook_url": "••••-key"} and "secret" not in made
    chosen = {name: made[name] for name in ("severity", "rules", "quiet", "timezone", "enabled")}
    assert chosen == {
        "severity": "critical",
        "rules": ["disk_space", "no_worker"],
        "quiet": "22:00-07:00",
        "timezone": "Europe/Vienna",
        "enabled": True,
    }
    table = call("list")
    assert "Team" in table and "22:00-07:00" in table and "very-secret" not in table


def test_the_examples_of_create_work_as_they_are_written(call: Run) -> None:
    create = channels.commands["create"]
    assert create.epilog is not None
    examples = [line.strip() for line in create.epilog.splitlines() if "flask" in line]
    assert len(examples) == 2
    for example in examples:
        call(*shlex.split(example)[3:], input="https://hooks.slack.com/services/T0/B0/key\n")


def test_an_update_changes_only_what_is_named(call: Run) -> None:
    before = make(call, "--quiet", "22:00-07:00", "--rule", "disk_space")
    changed = call("update", "Hook", "--severity", "notice", "--json")
    assert changed["severity"] == "notice"
    for name in ("quiet", "rules", "config", "secrets", "name"):
        assert changed[name] == before[name]
    cleared = call("update", "Hook", "--quiet", "none", "--rule", "all", "--name", "New", "--json")
    assert (cleared["quiet"], cleared["rules"], cleared["name"]) == (None, [], "New")
    call("create", "ntfy", "Phone", "--set", "topic=a")
    assert call("update", "Phone", "--position", "1", "--json")["position"] == 1
    assert [one["name"] for one in call("list", "--json")["items"]] == ["Phone", "New"]


def test_a_test_says_what_happened(call: Run, sink: Sink) -> None:
    words = ("create", "webhook", "Local", "--set", f"url={sink.url}/in", "--set", "auth=none")
    call(*words)
    report = call("test", "Local", "--json")
    assert report["ok"] is True and report["detail"].startswith("The test was sent to Local")
    sink.answer(404, b"no")
    assert "404 Not Found" in call("test", "Local", code=1)


def test_channels_are_turned_off_and_on_and_removed(call: Run) -> None:
    make(call)
    assert call("disable", "Hook", "--json")["enabled"] is False
    assert "already turned off" in call("disable", "Hook", code=1)
    assert call("enable", "Hook", "--json")["enabled"] is True
    assert "Removing Hook would affect" in call("remove", "Hook", "--dry-run")
    assert call("list", "--json")["total"] == 1
    assert call("remove", "Hook", "--json")["removed"] is True
    assert call("list", "--json") == {"items": [], "total": 0}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("create", "inbox", "X"), "Kinds are email, slack, ntfy, webhook"),
        (("create", "ntfy", "X", "--set", "topic=a b"), "topic: A topic has 1 to 64 letters"),
        (("create", "ntfy", "X", "--set", "topic=a", "--quiet", "22"), "22:00-07:00, or none"),
        (("create", "ntfy", "X", "--set", "topic=a", "--rule", "x"), "There is no rule x"),
        (("create", "ntfy", "X", "--set", "topic=a", "--timezone", "x"), "Enter a time zone"),
        (("show", "Nothing"), "There is no alert channel Nothing."),
    ],
)
def test_a_refusal_is_one_clear_line(call: Run, words: tuple[str, ...], sentence: str) -> None:
    assert sentence in call(*words, code=1)


def test_wrong_usage_exits_with_2(call: Run) -> None:
    call("create", "ntfy", "X", "--set", "topic", code=2)
    call("create", "ntfy", "X", "--set", "topic=a", "--severity", "loud", code=2)
