"""``flask dead-letters``."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from relay.models import AuditEntry, db
from tests.cli.conftest import TIMESTAMP, Run
from tests.support import world
from tests.support.sink import Sink

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_a_replay_needs_a_selection_and_happens_once(run: Run, app: Flask, sink: Sink) -> None:
    letter = str(world.make(app, sink).letter)
    run("dead-letters", "replay", code=2)
    run("dead-letters", "replay", "--all", "--id", letter, code=2)
    assert "no destination" in run("dead-letters", "replay", "--destination", "Hok", code=1)
    assert run("dead-letters", "replay", "--all", "--dry-run", "--json")["replayed"] == 0
    assert run("dead-letters", "list", "--json")["total"] == 1
    assert run("dead-letters", "replay", "--destination", "Hook", "--json")["replayed"] == 1
    assert run("dead-letters", "list", "--json") == {"items": [], "total": 0}
    assert "already resolved" in run("dead-letters", "replay", "--id", letter, code=1)
    assert run("deliveries", "list", "--destination", "Hook", "--json")["items"][0]["state"] == (
        "pending"
    )


@SQLITE
def test_dead_letters_are_listed_by_cause_and_by_state(run: Run, app: Flask, sink: Sink) -> None:
    made = world.make(app, sink)
    (cause,) = run("dead-letters", "list", "--group", "--json")["items"]
    assert (cause["destination"], cause["code"], cause["field"]) == ("Hook", "http_400", "")
    assert (cause["count"], cause["open"], cause["newest"]) == (1, 1, made.letter)
    assert cause["detail"] == "Hook does not accept these messages."
    assert cause["remedy"].startswith("Open one of them")
    assert TIMESTAMP.fullmatch(cause["first_at"]) and TIMESTAMP.fullmatch(cause["last_at"])
    assert run("dead-letters", "list", "--group", "--code", "none", "--json")["total"] == 0
    assert "http_400" in run("dead-letters", "list", "--group")
    assert run("dead-letters", "list", "--state", "resolved", "--json")["total"] == 0
    run("dead-letters", "discard", "--all", "--reason", "x")
    (ended,) = run("dead-letters", "list", "--state", "resolved", "--json")["items"]
    assert (ended["id"], ended["state"]) == (made.letter, "resolved")
    run("dead-letters", "list", "--state", "nonsense", code=2)


@SQLITE
def test_a_dry_run_reports_the_effect_and_changes_nothing(run: Run, app: Flask, sink: Sink) -> None:
    world.make(app, sink)
    dry = run("dead-letters", "replay", "--all", "--dry-run", "--json")
    assert (dry["selected"], dry["replayed"], dry["dry_run"]) == (1, 0, True)
    (hook,) = dry["outlook"]
    assert (hook["destination"], hook["new"], hook["again"], hook["broken"]) == ("Hook", 1, 0, {})
    output = run("dead-letters", "replay", "--destination", "Hook", "--dry-run")
    assert "1 would be replayed." in output
    assert "Hook: 1 would arrive for the first time" in output
    dry = run("dead-letters", "discard", "--all", "--dry-run", "--json")
    assert dry == {"selected": 1, "discarded": 0, "skipped": 0, "dry_run": True}
    done = run("dead-letters", "discard", "--all", "--json")
    assert done == {"selected": 1, "discarded": 1, "skipped": 0, "dry_run": False}
    nothing = run("dead-letters", "replay", "--all", "--json")
    assert (nothing["selected"], nothing["replayed"]) == (0, 0)


@SQLITE
def test_the_reason_of_a_discard_is_in_the_audit_log(run: Run, app: Flask, sink: Sink) -> None:
    letter = str(world.make(app, sink).letter)
    words = ("dead-letters", "discard", "--id", letter, "--reason", "sent by hand", "--json")
    assert run(*words)["discarded"] == 1
    with app.app_context():
        entry = db.session.scalar(
            select(AuditEntry).where(AuditEntry.action == "dead_letter.discard")
        )
    assert entry is not None
    assert (entry.actor, entry.detail["reason"]) == ("command line", "sent by hand")
