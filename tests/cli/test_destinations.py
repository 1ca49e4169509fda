"""``flask destinations``."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Run
from tests.support.sink import Sink

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


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
def test_pausing_or_resuming_twice_is_an_error(run: Run) -> None:
    run("destinations", "create", "inbox", "Inbox")
    assert run("destinations", "pause", "Inbox", "--json")["state"] == "paused"
    assert "already paused" in run("destinations", "pause", "Inbox", code=1)
    assert run("destinations", "resume", "1", "--json")["state"] == "active"
    assert "not paused" in run("destinations", "resume", "Inbox", code=1)
