"""The outcome of an HTTP reply by its status."""

from __future__ import annotations

import pytest

from relay.destinations.outcomes.http import classify
from relay.rules.lifecycle import Accepted, Failed, Refused
from relay.transport.request import Reply


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Accepted),
        (204, Accepted),
        (301, Refused),
        (400, Refused),
        (403, Refused),
        (404, Refused),
        (408, Failed),
        (410, Refused),
        (422, Refused),
        (425, Failed),
        (429, Failed),
        (500, Failed),
        (503, Failed),
    ],
)
def test_the_status_decides_whether_relay_retries(status: int, expected: type) -> None:
    assert isinstance(classify(Reply(status=status)), expected)


def test_status_410_pauses_the_destination() -> None:
    signal = classify(Reply(status=410))
    assert isinstance(signal, Refused) and signal.pause


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://new.example/h?token=query-secret-1", "https://new.example"),
        ("/login?token=query-secret-1", "another page on the same server"),
        ("http://[broken", "another page on the same server"),
        ("", "another page on the same server"),
    ],
)
def test_the_sentence_of_a_redirect_names_only_the_server(location: str, told: str) -> None:
    signal = classify(Reply(status=302, headers=(("Location", location),)))
    assert isinstance(signal, Refused)
    assert f"moved to {told}." in signal.sentence
    assert "query-secret-1" not in signal.sentence
