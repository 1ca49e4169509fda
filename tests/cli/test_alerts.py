"""``flask alerts``: shapes and exit codes."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from relay import database
from relay.models import Alert, AlertEvaluation, db
from relay.rules.alerts import RULES
from relay.rules.states import Severity
from relay.services.audit import COMMAND_LINE
from relay.services.users import accounts
from tests.cli.conftest import TIMESTAMP, Run

KEYS = [
    *("id", "rule", "subject", "severity", "sentence", "advice", "url", "since", "opened_at"),
    *("resolved_at", "count", "acknowledged_by", "note", "snoozed_until", "owner"),
]


@pytest.fixture(autouse=True)
def alerts(app: Flask) -> None:
    """An open alert with the id 1, and a resolved one."""
    with app.app_context():
        accounts.create_user("ada@example.com", "correct horse battery", "support", COMMAND_LINE)
        for rule, subject, severity in (
            ("circuit_open", "destination:1", Severity.CRITICAL),
            ("disk_space", "", Severity.WARNING),
        ):
            about = {"rule": rule, "subject": subject, "sentence": "It is bad.", "advice": "Look."}
            db.session.add(Alert(**about, severity=severity, path="/destinations/1"))
            db.session.flush()
        db.session.get_one(Alert, 2).resolved_at = database.now(db.session)
        db.session.add(AlertEvaluation(rule="failure_rate", subject="destination:1", value=1.5))
        db.session.commit()


def test_list_prints_alerts_newest_first(app: Flask, run: Run) -> None:
    found = run("alerts", "list", "--json")
    assert found["total"] == 2 and [one["id"] for one in found["items"]] == [2, 1]
    one = found["items"][1]
    assert list(one) == KEYS
    assert TIMESTAMP.fullmatch(one["since"]) and one["since"] == one["opened_at"]
    assert one["resolved_at"] is None and one["severity"] == "critical"
    assert one["url"] == app.extensions["relay_config"].public_url + "/destinations/1"
    assert [one["id"] for one in run("alerts", "list", "--open", "--json")["items"]] == [1]
    page = run("alerts", "list", "--limit", "1", "--json")
    assert page["next_after"] == 2
    assert run("alerts", "list", "--after", "2", "--json")["items"][0]["id"] == 1

    def ids(*words: str) -> list[int]:
        return [one["id"] for one in run("alerts", "list", *words, "--json")["items"]]

    assert ids("--rule", "disk_space") == [2]
    assert ids("--severity", "critical") == [1]
    assert ids("--subject", "destination:1") == [1]
    assert ids("--subject", "installation") == [2]
    assert "It is bad." in run("alerts", "list")
    run("alerts", "list", "--rule", "nonsense", code=2)


def test_the_actions_print_the_alert(run: Run) -> None:
    assert run("alerts", "acknowledge", "1", "--note", "Known.", "--json")["note"] == "Known."
    assert run("alerts", "snooze", "1", "--for", "4h", "--json")["snoozed_until"]
    assert run("alerts", "snooze", "1", "--for", "0", "--json")["snoozed_until"] is None
    owner = run("alerts", "assign", "1", "ada@example.com", "--json")["owner"]
    assert owner == "ada@example.com"
    run("alerts", "note", "1", "Asked the agency.")
    assert "no one" in run("alerts", "assign", "1")
    shown = run("alerts", "show", "1", "--json")
    assert list(shown) == [*KEYS, "timeline"]
    assert [one["action"] for one in shown["timeline"]] == [
        *("acknowledged", "snoozed", "snoozed", "assigned", "note", "assigned")
    ]
    assert list(shown["timeline"][0]) == ["at", "action", "actor", "text"]
    assert shown["timeline"][0]["actor"] == "command line"
    assert "Asked the agency." in run("alerts", "show", "1")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("acknowledge", "2", "--note", "x"), "already resolved"),
        (("snooze", "2", "--for", "1h"), "already resolved"),
        (("snooze", "1", "--for", "31d"), "at most 30 days"),
        (("snooze", "1", "--for", "soon"), "such as 24h"),
        (("assign", "1", "eve@example.com"), "No active user"),
        (("show", "9"), "no such alert"),
        (("set-rule", "nonsense", "--unmute"), "no alert rule nonsense"),
        (("set-rule", "failure_rate", "--threshold", "0"), "from 0.1 to 100"),
        (("set-rule", "failure_rate", "--mute", "--for", "0"), "above zero"),
        (("set-rule", "failure_rate", "--mute", "soon"), "such as 24h"),
        (("set-rule", "circuit_open", "--threshold", "1"), "has no threshold"),
    ],
)
def test_refusals_are_one_line(run: Run, words: tuple[str, ...], why: str) -> None:
    assert why in run("alerts", *words, code=1)


def test_rules_are_listed_and_set(run: Run) -> None:
    found = run("alerts", "rules", "--json")
    assert found["total"] == len(RULES) == len(found["items"])

    def rule(**expected: Any) -> dict[str, Any]:
        return {
            "rule": "failure_rate",
            "label": "Failure rate of a destination",
            "scope": "destination",
            "severity": "critical",
            "threshold": 2.0,
            "unit": "%",
            "default": 2.0,
            "muted": False,
            "muted_until": None,
            "now": [{"subject": "destination:1", "value": 1.5}],
        } | expected

    assert rule() in found["items"]
    assert run("alerts", "set-rule", "failure_rate", "--threshold", "5", "--json") == rule(
        threshold=5.0
    )
    assert run("alerts", "set-rule", "failure_rate", "--threshold", "default", "--json") == rule()
    assert run("alerts", "set-rule", "failure_rate", "--mute", "--json") == rule(muted=True)
    for words in (("--mute", "4h"), ("--mute", "--for", "4h")):
        muted = run("alerts", "set-rule", "failure_rate", *words, "--json")
        assert TIMESTAMP.fullmatch(muted["muted_until"])
    assert "not muted" in run("alerts", "set-rule", "failure_rate", "--unmute")
    for words in (
        (),
        ("--mute", "--unmute"),
        ("--threshold", "x"),
        ("--unmute", "--for", "4h"),
        ("--mute", "4h", "--for", "4h"),
    ):
        run("alerts", "set-rule", "failure_rate", *words, code=2)
