"""A flood of sign-ins stops neither events nor the people who have an account."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.faults.figures import Figures, percentile, size
from tests.faults.load import Load
from tests.faults.sign_in_flood import Browser
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(600)
ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse battery staple"
MEGABYTE = 1024 * 1024


@contextmanager
def flood(stack: Stack) -> Iterator[dict[str, int]]:
    """The answers are known when the block ends."""
    command = [sys.executable, "-m", "tests.faults.sign_in_flood", str(stack.port)]
    answers: dict[str, int] = {}
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "started\n"
        try:
            yield answers
        finally:
            process.stdin.write("end\n")
            process.stdin.flush()
            answers.update(json.loads(process.stdout.readline()))


def memory(stack: Stack) -> float:
    """Megabytes of the web processes; what they share counts once."""
    web = psutil.Process(stack.processes["web"].process.pid)
    parts = [web, *web.children(recursive=True)]
    return sum(part.memory_full_info().pss for part in parts) / MEGABYTE


@pytest.mark.parametrize("database_url", ["postgres", "sqlite"], indirect=True)
def test_events_and_known_people_get_through_a_flood_of_sign_ins(
    stack: Stack, secret: str, figures: Figures
) -> None:
    words = ("users", "create", "admin@example.com", "--role", "admin", "--password-stdin")
    stack.flask(*words, input=PASSWORD)
    owner = Browser(stack.port, "127.0.0.9")
    owner.open("GET", "/sign-in")
    assert owner.sign_in("admin@example.com", PASSWORD) == 303
    owner.open("GET", "/account")
    assert owner.open("POST", "/sign-out", {})[0] == 303
    before = memory(stack)
    with flood(stack) as answers:
        load = Load(stack, secret, size(200, 1000), connections=8)
        load.reach(load.count // 2)
        owner.open("GET", "/sign-in")
        assert owner.sign_in("admin@example.com", PASSWORD) == 303, "from a known browser"
        owner.open("GET", "/proof")
        assert owner.open("POST", "/proof", {"proof_password": PASSWORD})[0] == 303
        load.finish()
        grown = memory(stack) - before
    p99 = percentile(load.waited, 0.99)
    figures.note(
        "S7",
        f"{load.codes[202]} x 202, p99 {p99 * 1000:.0f} ms, web + {grown:.0f} MB, "
        f"{sum(answers.values())} sign-ins: {answers}",
    )
    assert load.codes == {202: load.count}
    assert answers.keys() <= {"422", "429"} and answers["429"] > answers["422"]
    assert grown < 200
