"""Runs ``flask`` commands in the process of the test."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

Run = Callable[..., Any]
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def run(app: Flask) -> Run:
    """``run("sources", "list", code=0, input=None)``: the parsed output with ``--json``, else its text."""

    def call(*words: str, input: str | None = None, code: int = 0) -> Any:
        done = app.test_cli_runner().invoke(args=list(words), input=input)
        assert done.exit_code == code, (words, done.exit_code, done.output, done.exception)
        if code == 1 and "doctor" not in words:
            assert len(done.stderr.splitlines()) == 1, done.stderr
        if code == 0 and "--json" in words:
            return json.loads(done.stdout)
        return done.output

    return call


def create_source(run: Run, name: str = "Shop") -> dict[str, object]:
    """Connect a site.  -> the JSON of the command, with the secret"""
    source: dict[str, object] = run(
        "sources", "create", name, "--url", "https://shop.example.com", "--json"
    )
    return source
