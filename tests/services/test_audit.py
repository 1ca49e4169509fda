"""Every action that is recorded has words for a person."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from relay.rules.states import ReplayState
from relay.services.audit import ACTIONS

RELAY = Path(__file__).resolve().parents[2] / "relay"
RECORDING = {
    "record": 1,
    "add_audit_entry": 2,
    "_settle": 3,
    "_mark": 2,
    "_save": 2,
}  # the position of the action


def actions_in(tree: ast.AST) -> Iterator[str]:
    """The actions that a module records."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        values = [one.value for one in node.keywords if one.arg == "action"]
        if name in RECORDING and len(node.args) > RECORDING[name]:
            values.append(node.args[RECORDING[name]])
        for value in values:
            for part in ast.walk(value):
                if isinstance(part, ast.Constant) and "." in str(part.value):
                    yield str(part.value)


def test_every_recorded_action_has_a_label_and_every_label_an_action() -> None:
    found = {
        action
        for path in RELAY.rglob("*.py")
        for action in actions_in(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert "replay." in found, "its second part is the new state of the replay"
    states = (ReplayState.PAUSED, ReplayState.RUNNING)
    found = (found - {"replay."}) | {f"replay.{state}" for state in states}
    assert "alert." in found, "its second part is what a person did with the alert"
    done = ("acknowledge", "assign", "note", "snooze")
    found = (found - {"alert."}) | {f"alert.{action}" for action in done}
    assert found == set(ACTIONS)
