"""What a dead letter's cause means, and what to do: for every code that Relay itself gives."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import relay
from relay.destinations.outcomes.advice import ADVICE, Advice, FixLocation, advice_for
from relay.transport.errors import CERTIFICATES

OWN = Path(relay.__file__).parent
NEVER_DEAD = {"circuit_open", "held", "later", "paused"}  # reasons to wait, not to give up
CALLS = {"CallFailed", "Undeliverable", "Refused", "Failed"}


def codes_in(folder: Path) -> set[str]:
    """The codes that are written out where something goes wrong, besides the kinds' own."""
    found = {code for code, _ in CERTIFICATES.values()} | {"worker_died", "cannot_build"}
    for path in folder.rglob("*.py"):
        if "kinds" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(getattr(node, "func", None), "id", "")
            if name in CALLS and node.args and isinstance(node.args[0], ast.Constant):  # type: ignore[attr-defined]
                found.add(node.args[0].value)  # type: ignore[attr-defined]
    return found - NEVER_DEAD


def test_every_code_of_our_own_has_its_remedy() -> None:
    assert {code for code in codes_in(OWN) if code} - ADVICE.keys() == {"bad_method"}


@pytest.mark.parametrize("code", [*ADVICE, "http_418", "http_507", "http_302"])
def test_a_remedy_is_whole_sentences_about_the_destination(code: str) -> None:
    remedy = advice_for(code, "", "The call's own sentence.", "Team channel")
    assert remedy.headline.endswith(".") and remedy.advice.endswith(".")
    assert "{" not in remedy.headline + remedy.advice
    assert "tries again" not in remedy.headline + remedy.advice, "nothing tries again by itself"
    assert remedy.headline != "The call's own sentence."


def test_a_name_that_looks_like_a_template_stays_a_name() -> None:
    assert "{advice}" in advice_for("http_404", "", "", "{advice}").headline


@pytest.mark.parametrize(
    ("code", "field", "sentence", "expected"),
    [
        (
            "no_service",
            "",
            "The webhook was removed in Slack. Make a new one.",
            Advice("The webhook was removed in Slack.", "Make a new one.", FixLocation.SETTINGS),
        ),
        (
            "hubspot_away",
            "",
            "HubSpot is away for a moment. Relay tries again.",
            Advice(
                "HubSpot is away for a moment.",
                "Send a test to see whether it is back. Then send these again.",
                FixLocation.THERE,
            ),
        ),
        (
            "http_400",
            "email",
            "HubSpot does not accept the e-mail address.",
            Advice(
                "HubSpot does not accept the e-mail address.",
                "Open one of them and compare what was sent with what it expects. "
                "Then send these again.",
                FixLocation.MAPPING,
            ),
        ),
    ],
)
def test_a_kinds_own_code_and_a_named_field_speak_in_their_own_words(
    code: str, field: str, sentence: str, expected: Advice
) -> None:
    assert advice_for(code, field, sentence, "X") == expected
