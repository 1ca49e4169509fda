"""Fixtures of the fault tests: Relay on PostgreSQL, a site, a sink, and a table of the results."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from relay.launcher.valkey import Valkey
from tests.faults.figures import FIGURES, Figures
from tests.support.sink import Sink
from tests.support.stack import Stack

States = Callable[[], dict[str, int]]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if lines := FIGURES.lines():
        terminalreporter.section("what was promised, and what was measured")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """PostgreSQL, unless a test names the other one: production runs on it."""
    name = getattr(request, "param", "postgres")
    url: str = request.getfixturevalue(f"{name}_url")
    return url


@pytest.fixture
def figures() -> Figures:
    """Where a measurement is noted for the table."""
    return FIGURES


@pytest.fixture
def secret(stack: Stack, sink: Sink) -> str:
    """A site that sends its events to ``/in`` of the sink.  -> its secret"""
    made = stack.make_source()
    add(stack, sink, "Sink", "/in")
    return made.secret


def add(stack: Stack, sink: Sink, name: str, path: str, *more: str) -> None:
    """One more webhook to the sink."""
    words = ("webhook", name, "--set", f"url={sink.url}{path}", "--set", "auth=none", *more)
    stack.flask("destinations", "create", *words)


@pytest.fixture
def states(stack: Stack) -> States:
    """How many deliveries are in each state."""
    return stack.states


def end_leases(stack: Stack) -> None:
    """End the leases of crashed workers now instead of within 65 s."""
    stack.change("UPDATE delivery SET lease_until = created_at WHERE state = 'in_flight'")
    stack.change("UPDATE destination SET drain_until = created_at")


def crash_and_wipe(broker: Valkey) -> None:
    """A power failure that also deletes the broker's files."""
    assert broker.process is not None
    broker.process.kill()
    broker.process.wait()
    for path in broker.folder.glob("appendonlydir/*"):
        path.unlink()
