"""``flask replays …`` and the times of ``flask dead-letters replay``."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.cli.conftest import Run
from tests.support import world
from tests.support.sink import Sink

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@SQLITE
def test_a_replay_is_started_by_time_paused_resumed_and_cancelled(
    run: Run, app: Flask, sink: Sink
) -> None:
    world.make(app, sink)  # with one failed delivery
    run("destinations", "pause", "Hook")
    assert run("dead-letters", "replay", "--until", "2020-01-01", "--json")["replayed"] == 0
    assert (
        run("dead-letters", "replay", "--since", "2020-01-01", "--dry-run", "--json")["selected"]
        == 1
    )
    number = str(run("dead-letters", "replay", "--since", "2020-01-01", "--json")["replay"])

    (listed,) = run("replays", "list", "--json")["items"]
    assert (str(listed["id"]), listed["total"], listed["waiting"]) == (number, 1, 1)
    assert run("replays", "pause", number, "--json")["state"] == "paused"
    run("replays", "pause", number, code=1)
    assert run("replays", "resume", number, "--json")["state"] == "running"
    assert run("replays", "cancel", number, "--json")["withdrawn"] == 1
    assert "cancelled" in run("replays", "show", number)
    assert run("dead-letters", "list", "--json")["total"] == 1, "it is a failed delivery again"
    run("replays", "show", "99", code=1)


@SQLITE
def test_a_replay_without_a_selection_is_refused(run: Run) -> None:
    assert "--since" in run("dead-letters", "replay", code=2)
    run("dead-letters", "replay", "--all", "--destination", "Hook", code=2)
