"""The advice for every code that Relay itself gives a failed delivery."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import relay
from relay.destinations.outcomes.advice import ADVICE, Advice, FixLocation, advice_for
from relay.transport.errors import CERTIFICATES

OWN = Path(relay.__file__).parent
NEVER_DEAD = {"circuit_open", "held", "later", "paused"}  # reasons to wait, not final
CALLS = {"CallFailed", "Undeliverable", "Refused", "Failed"}


def codes_in(folder: Path) -> set[str]:
    """The codes in the source, without those of the kinds."""
    found = {code for code, _ in CERTIFICATES.values()} | {"worker_died", "cannot_build"}
    for path in folder.rglob("*.py"):
        if {"kinds", "channel_kinds"} & set(path.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(getattr(node, "func", None), "id", "")
            if name in CALLS and node.args and isinstance(node.args[0], ast.Constant):  # type: ignore[attr-defined]
                found.add(node.args[0].value)  # type: ignore[attr-defined]
    return found - NEVER_DEAD


def test_every_code_has_advice() -> None:
    assert {code for code in codes_in(OWN) if code} - ADVICE.keys() == {"bad_method"}


@pytest.mark.parametrize("code", [*ADVICE, "http_418", "http_507", "http_302"])
def test_advice_has_full_sentences_and_promises_no_retry(code: str) -> None:
    advice = advice_for(code, "", "The call's own sentence.", "Team channel")
    assert advice.headline.endswith(".") and advice.advice.endswith(".")
    assert "{" not in advice.headline + advice.advice
    assert "retries" not in advice.headline + advice.advice, "the last attempt was made"
    assert advice.headline != "The call's own sentence."


def test_a_name_that_looks_like_a_template_stays_a_name() -> None:
    assert "{advice}" in advice_for("http_404", "", "", "{advice}").headline


@pytest.mark.parametrize(
    ("code", "field", "sentence", "expected"),
    [
        (
            "no_service",
            "",
            "The webhook was removed in Slack. Create a new one.",
            Advice("The webhook was removed in Slack.", "Create a new one.", FixLocation.SETTINGS),
        ),
        (
            "hubspot_away",
            "",
            "HubSpot is temporarily unavailable. Relay retries.",
            Advice(
                "HubSpot is temporarily unavailable.",
                "Send a test to check whether it works again. Then resend these deliveries.",
                FixLocation.DESTINATION,
            ),
        ),
        (
            "http_400",
            "email",
            "HubSpot does not accept the e-mail address.",
            Advice(
                "HubSpot does not accept the e-mail address.",
                "Open one of them and compare its request with what the destination expects. "
                "Then resend these deliveries.",
                FixLocation.MAPPING,
            ),
        ),
    ],
)
def test_the_codes_of_a_kind_and_errors_of_a_field_use_the_sentence_of_the_call(
    code: str, field: str, sentence: str, expected: Advice
) -> None:
    assert advice_for(code, field, sentence, "X") == expected
