"""``flask destinations``."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from relay.destinations.kinds.webhook.settings import signing_keys
from relay.models import AuditEntry, db
from tests.cli.conftest import Run
from tests.support.sink import Sink

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
URL = "https://hook.example.com/in"


def make_hook(run: Run) -> None:
    run(
        *("destinations", "create", "webhook", "Hook", "--set", f"url={URL}"),
        *("--set", "auth=bearer", "--secret", "token=-", "--json"),
        input="very-secret-token-1\n",
    )


@SQLITE
def test_a_secret_from_standard_input_is_never_shown(run: Run, sink: Sink) -> None:
    words = ("destinations", "create", "webhook", "Hook", "--set", f"url={sink.url}/hook")
    more = ("--set", "auth=bearer", "--secret", "token=-", "--events", "order.*", "--json")
    made = run(*words, *more, input="very-secret-token-1\n")
    assert made["events"] == ["order.*"]
    assert "very-secret" not in str(made) + str(run("destinations", "list", "--json"))
    report = run("destinations", "test", "Hook", "--type", "order.created", "--json")
    assert (report["ok"], report["status"]) == (True, 200)
    assert sink.requests[0].headers["authorization"] == "Bearer very-secret-token-1"
    assert "very-secret" not in str(report)
    sink.answer(403, b"no")
    run("destinations", "test", "Hook", "--json", code=1)


@SQLITE
def test_what_to_do_after_a_status_is_chosen_audited_and_taken_back(app: Flask, run: Run) -> None:
    make_hook(run)
    assert run("destinations", "show", "Hook", "--json")["on_status"] == {}
    chosen = ("--on-status", "404=retry", "--on-status", "5xx=pause")
    made = run("destinations", "pace", "Hook", *chosen, "--rate", "5/second", "--json")
    assert (made["on_status"], made["rate"]) == ({"404": "retry", "5xx": "pause"}, "5/second")
    kept = run("destinations", "pace", "Hook", "--on-status", "5xx=default", "--json")
    assert (kept["on_status"], kept["rate"]) == ({"404": "retry"}, "5/second")
    with app.app_context(), db.engine.connect() as connection:
        details = connection.scalars(
            select(AuditEntry.detail).where(AuditEntry.action == "destination.pace")
        ).all()
    assert details[-1]["on_status"] == {"404": "retry"}
    assert details[-1]["on_status_before"] == {"404": "retry", "5xx": "pause"}


@SQLITE
@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ("404=later", "“later” is not possible. Choose one of retry, first_hour, fail, pause"),
        ("200=retry", "“200” is not a status such as 404"),
        ("6xx=retry", "“6xx” is not a status"),
    ],
)
def test_an_unknown_status_or_action_is_refused(run: Run, choice: str, sentence: str) -> None:
    make_hook(run)
    assert sentence in run("destinations", "pace", "Hook", "--on-status", choice, code=1)
    assert run("destinations", "show", "Hook", "--json")["on_status"] == {}


@SQLITE
def test_a_kind_without_http_has_nothing_to_choose_after_a_status(run: Run) -> None:
    run("destinations", "create", "inbox", "Inbox")
    said = run("destinations", "pace", "Inbox", "--on-status", "404=retry", code=1)
    assert "Inbox has no HTTP status" in said


@SQLITE
def test_pausing_or_resuming_twice_is_an_error(run: Run) -> None:
    run("destinations", "create", "inbox", "Inbox")
    assert run("destinations", "pause", "Inbox", "--json")["state"] == "paused"
    assert "already paused" in run("destinations", "pause", "Inbox", code=1)
    assert run("destinations", "resume", "1", "--json")["state"] == "active"
    assert "not paused" in run("destinations", "resume", "Inbox", code=1)


def test_a_destination_is_removed_only_with_yes(run: Run) -> None:
    make_hook(run)
    said = run("destinations", "remove", "Hook", code=1)
    assert "Removing Hook would affect:" in said and "1  subscriptions, removed" in said
    assert "discarded" not in said, "counts of zero are left out"
    assert "Hook was not removed. To remove it, repeat the command with --yes." in said
    removed = run("destinations", "remove", "Hook", "--yes", "--json")
    assert (removed["name"], removed["removed"], removed["subscriptions"]) == ("Hook", True, 1)
    assert run("destinations", "list", "--json")["items"] == []
    assert "no destination Hook" in run("destinations", "remove", "Hook", "--yes", code=1)
    make_hook(run)  # the name is free


@SQLITE
def test_a_destination_is_shown_with_masked_secrets(run: Run) -> None:
    make_hook(run)
    shown = run("destinations", "show", "Hook", "--json")
    assert (shown["name"], shown["config"]["url"]) == ("Hook", URL)
    assert shown["secrets"] == {"token": "••••en-1"}
    text = run("destinations", "show", "Hook")
    assert URL in text and "very-secret" not in text
    assert "no destination Other" in run("destinations", "show", "Other", code=1)


@SQLITE
def test_an_update_changes_only_what_is_named(run: Run) -> None:
    make_hook(run)
    before = run("destinations", "show", "Hook", "--json")
    other = f"{URL}/other"
    changed = run("destinations", "update", "Hook", "--set", f"url={other}", "--json")
    assert changed["config"] == before["config"] | {"url": other}
    assert changed["secrets"] == before["secrets"]
    moved = ("destinations", "update", "Hook", "--set", "url=https://b.example/in")
    assert "Enter this again" in run(*moved, code=1), "the secret stays with its server"
    run(
        *("destinations", "update", "Hook", "--secret", "token=-", "--name", "New"),
        input="another-secret-42\n",
    )
    shown = run("destinations", "show", "New", "--json")
    assert shown["secrets"] == {"token": "••••t-42"}
    assert "url" in run("destinations", "update", "New", "--set", "url=nonsense", code=1)
    run("destinations", "update", "New", "--set", "nonsense", code=2)


@SQLITE
def test_a_webhook_without_a_secret_gets_one_that_is_shown_once(run: Run) -> None:
    words = ("--set", "url=https://example.com/hook")
    made = run("destinations", "create", "webhook", "ERP", *words, "--json")
    secret = made["new_secrets"]["signing_secret"]
    assert signing_keys(secret) and secret.startswith("whsec_")
    assert made["secrets"] == {"signing_secret": f"••••{secret[-4:]}"}
    assert secret not in str(run("destinations", "show", "ERP", "--json"))
    assert "whsec_" in run("destinations", "create", "webhook", "Two", *words)
    other = run(
        "destinations", "create", "webhook", "Three", *words, "--set", "auth=none", "--json"
    )
    assert "new_secrets" not in other
