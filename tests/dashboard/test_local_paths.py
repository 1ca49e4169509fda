"""Where ``next=`` may lead."""

from __future__ import annotations

import pytest

from relay.dashboard import guard


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/events?state=dead&text=a%20b", "/events?state=dead&text=a%20b"),
        ("/sources/käse", "/sources/käse"),
        ("", "/"),
        ("events", "/"),
        ("//evil", "/"),
        ("/\\evil", "/"),
        ("/%5cevil", "/"),
        ("/%2fevil", "/"),
        ("/%09/evil", "/"),
        ("/\t/evil", "/"),
        ("https:evil", "/"),
        ("https://evil", "/"),
        ("javascript:alert(1)", "/"),
        (" /events", "/"),
        ("/events\n", "/"),
    ],
)
def test_only_local_paths_are_followed(text: str, path: str) -> None:
    assert guard.local_path(text) == path
