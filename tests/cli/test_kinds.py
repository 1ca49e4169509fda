"""``flask kinds``: what it lists, what it shows of one kind, and how it ends."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from relay.destinations import KINDS
from relay.destinations.ai import AiKind
from relay.destinations.base import Kind
from relay.destinations.setting_fields import setting_fields
from tests.cli.conftest import Run

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
EVERY_KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
TYPES = {"text", "long_text", "url", "email", "number", "yes_no", "choice"}


def test_every_kind_is_listed(run: Run) -> None:
    listed = run("kinds", "--json")
    assert listed["total"] == len(listed["items"]) == len(KINDS)
    for item in listed["items"]:
        assert set(item) == {"slug", "name", "description", "takes"}
    takes = {item["slug"]: item["takes"] for item in listed["items"]}
    assert takes["openai"] == "ai_questions" and takes["slack"] == "events"
    assert {slug for slug, word in takes.items() if word == "ai_questions"} == {
        slug for slug, kind in KINDS.items() if isinstance(kind, AiKind)
    }
    table = run("kinds")
    for kind in KINDS.values():
        assert kind.slug in table and kind.name in table


@EVERY_KIND
def test_one_kind_shows_its_fields(run: Run, kind: Kind) -> None:
    shown = run("kinds", kind.slug, "--json")
    assert [field["name"] for field in shown["fields"]] == list(kind.schema.fields)
    for field in shown["fields"]:
        assert field["label"] and field["type"] in TYPES
        assert bool(field["choices"]) == (field["type"] == "choice")
        assert not (field["secret"] and field["default"])
    text = run("kinds", kind.slug)
    for setting in setting_fields(kind.schema):
        assert setting.name in text and setting.label in text and setting.help in text
        for value, label in setting.choices:
            assert f"{value}: {label}" in text


def test_a_field_says_when_it_is_used_and_what_it_is_without_a_value(run: Run) -> None:
    fields = {field["name"]: field for field in run("kinds", "webhook", "--json")["fields"]}
    assert fields["url"]["required"] and fields["url"]["type"] == "url"
    assert fields["auth"]["default"] == "signature" and not fields["auth"]["required"]
    assert {"value": "none", "label": "None"} in fields["auth"]["choices"]
    assert fields["token"]["secret"] and fields["token"]["used_if"] == {"auth": "bearer"}


@EVERY_KIND
def test_the_example_creates_a_destination(
    run: Run, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: dict[str, Any] = run("kinds", kind.slug, "--json")
    for name, secret in kind.example_secrets.items():
        monkeypatch.setenv(f"{kind.slug}_{name}".upper(), secret)
    made = run(*shown["example"], "--json")
    assert (made["kind"], made["name"]) == (kind.slug, f"My {kind.name}")
    assert f"flask {shlex.join(shown['example'])}" in run("kinds", kind.slug)
    for secret in kind.example_secrets.values():
        assert secret not in str(shown)


def test_an_unknown_kind_is_refused_in_one_line(run: Run) -> None:
    sentence = run("kinds", "fax", code=1)
    assert "fax" in sentence and "slack" in sentence
    run("kinds", "slack", "email", code=2)
