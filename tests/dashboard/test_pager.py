"""Newest, newer and older: the way back through the pages of a list."""

from __future__ import annotations

import pytest
from flask import Flask

from relay.dashboard.pager import newer_url, older_url


@pytest.mark.parametrize(
    ("query", "newer", "older"),
    [
        ("", "", "/l?after=10&trail=0"),
        ("after=50", "", "/l?after=10&trail=50"),
        ("after=50&trail=0", "/l", "/l?after=10&trail=0.50"),
        ("after=30&trail=0.50", "/l?after=50&trail=0", "/l?after=10&trail=0.50.30"),
        ("after=x&trail=%3Cb%3E.0.-1", "/l", "/l?after=10&trail=0.0"),
        ("trail=0.50", "", "/l?after=10&trail=0.50.0"),
    ],
)
def test_a_page_leads_to_the_next_and_back(query: str, newer: str, older: str) -> None:
    with Flask("x").test_request_context(f"/l?{query}"):
        assert (newer_url("/l"), older_url("/l", 10)) == (newer, older)
        assert older_url("/l?a=b", 10) == older.replace("/l?", "/l?a=b&")


def test_the_trail_is_bounded() -> None:
    trail = ".".join(map(str, range(300)))
    with Flask("x").test_request_context(f"/l?after=5&trail={trail}"):
        assert older_url("/l", 1).count(".") < 60
