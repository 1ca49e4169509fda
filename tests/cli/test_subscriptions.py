"""``flask subscriptions …``: the whole life of a subscription."""

from __future__ import annotations

import json

import pytest
from flask import Flask

from relay.models import AuditEntry, db
from tests.cli.conftest import Run, create_source

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@SQLITE
def test_a_subscription_is_created_changed_paused_resumed_and_removed(run: Run, app: Flask) -> None:
    create_source(run)
    run("destinations", "create", "inbox", "Inbox", "--events", "comment.*")
    made = run(
        "subscriptions", "create", "Inbox", "--events", "order.*", "--source", "shop", "--json"
    )
    number = str(made["id"])
    assert (made["events"], made["sources"], made["state"]) == (["order.*"], ["shop"], "active")

    condition = {"path": ["data", "total"], "op": "at_least", "value": "500"}
    conditions = {"match": "all", "items": [condition]}
    changed = run(
        "subscriptions", "update", "Inbox", number, "--conditions", json.dumps(conditions), "--json"
    )
    assert "500" in changed["sentence"]
    assert (changed["events"], changed["sources"]) == (["order.*"], ["shop"]), "they were not named"
    stored = json.dumps(changed["conditions"])
    again = run("subscriptions", "update", "Inbox", number, "--conditions", stored, "--json")
    assert again["conditions"] == changed["conditions"], "the printed form is the accepted one"
    assert not run("subscriptions", "update", "Inbox", number, "--conditions", "", "--json")[
        "conditions"
    ]

    assert run("subscriptions", "pause", "Inbox", number, "--json")["state"] == "paused"
    assert run("subscriptions", "resume", "Inbox", number, "--json")["state"] == "active"
    assert not run("subscriptions", "remove", "Inbox", number, "--dry-run", "--json")["removed"]
    assert run("subscriptions", "list", "Inbox", "--json")["total"] == 2, (
        "a dry run changes nothing"
    )
    assert run("subscriptions", "remove", "Inbox", number, "--json")["removed"]
    left = run("subscriptions", "list", "Inbox", "--json")["items"]
    assert [one["events"] for one in left] == [["comment.*"]]
    run("subscriptions", "pause", "Inbox", number, code=1)
    with app.app_context():
        actions = [entry.action for entry in db.session.query(AuditEntry)]
    for verb in ("create", "update", "pause", "resume", "remove"):
        assert f"subscription.{verb}" in actions


@SQLITE
@pytest.mark.parametrize(
    ("events", "said"),
    [
        ("order.creatd", "Did you mean order.created?"),
        ("orders.*", "Did you mean order.*?"),
        ("invoice.paid", "custom types start with x."),
    ],
)
def test_an_unknown_event_type_is_refused_with_what_was_meant(
    run: Run, events: str, said: str
) -> None:
    assert said in run("destinations", "create", "inbox", "Inbox", "--events", events, code=1)
    run("destinations", "create", "inbox", "Inbox", "--events", "x.my_event")
    assert said in run("subscriptions", "create", "Inbox", "--events", events, code=1)


@SQLITE
@pytest.mark.parametrize(
    "conditions",
    ["{", "[" * 5000, '{"match": "all", "items": [{"path": ["a"], "op": "is", "value": 1}]}'],
)
def test_conditions_in_another_form_are_refused(run: Run, conditions: str) -> None:
    run("destinations", "create", "inbox", "Inbox")
    words = ("subscriptions", "create", "Inbox", "--events", "all", "--conditions", conditions)
    said = run(*words, code=2)
    assert "subscriptions list DESTINATION --json" in said
