"""An error in one check, or one that does not end, does not keep the others from their findings."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from relay.observability.health import Finding, Level, ok, warning
from relay.services.operations.checks.runner import isolated, run_groups

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def fine() -> list[Finding]:
    return [ok("fine", "It works.")]


def breaks_off() -> Iterator[Finding]:
    yield warning("first", "It is slow.", "Wait.")
    raise KeyError("a secret in the message")


def test_an_exception_is_a_finding_with_its_name_and_not_its_message() -> None:
    first, second = isolated("broken", breaks_off)
    assert (first.check, second.check, second.level) == ("first", "broken", Level.ERROR)
    assert "KeyError" in second.what and "secret" not in second.sentence and second.do


def test_an_error_of_the_database_has_the_words_of_its_driver() -> None:
    def away() -> list[Finding]:
        raise OperationalError("SELECT 1", {}, Exception("connection refused\nby server"))

    (finding,) = isolated("database", away)
    assert finding.reason == "connection refused by server"
    assert finding.reason in finding.explained and finding.reason not in finding.sentence
    assert "SELECT" not in finding.explained


@SQLITE
def test_the_severest_come_first_with_the_heading_of_their_group(app: Flask) -> None:
    found = run_groups(app, {"Good": fine, "Bad": breaks_off}, budget_s=10)
    assert [(one.level, one.group) for one in found] == [
        (Level.ERROR, "Bad"),
        (Level.WARNING, "Bad"),
        (Level.OK, "Good"),
    ]


@SQLITE
def test_a_group_that_hangs_is_named_and_keeps_what_it_found(app: Flask) -> None:
    end = threading.Event()

    def hangs() -> Iterator[Finding]:
        yield ok("before", "It works.")
        end.wait(30)

    began = time.monotonic()
    found = run_groups(app, {"Slow": hangs, "Good": fine}, budget_s=0.5)
    end.set()
    assert time.monotonic() - began < 5
    assert [(one.check, one.level) for one in found] == [
        ("slow", Level.ERROR),
        ("before", Level.OK),
        ("fine", Level.OK),
    ]
    assert "0.5 s" in found[0].what
