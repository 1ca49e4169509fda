"""``flask …`` inside the test's process: what it printed, what it said on standard error, how it ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

Run = Callable[..., Any]


@pytest.fixture
def run(app: Flask) -> Run:
    """``run("sources", "list", code=0, input=None)``: an object with ``--json``, else all that was said."""

    def call(*words: str, input: str | None = None, code: int = 0) -> Any:
        done = app.test_cli_runner().invoke(args=list(words), input=input)
        assert done.exit_code == code, (words, done.exit_code, done.output, done.exception)
        if code == 1 and "doctor" not in words:
            assert len(done.stderr.splitlines()) == 1, done.stderr
        if code == 0 and "--json" in words:
            return json.loads(done.stdout)
        return done.output

    return call
