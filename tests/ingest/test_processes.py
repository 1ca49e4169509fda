"""What must hold in every web process, and behind a proxy: real processes, changed from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.events import comment
from tests.support.stack import Stack

Start = Callable[..., Stack]


@pytest.fixture
def start(database_url: str, tmp_path: Path) -> Iterator[Start]:
    """Starts the web process with these settings; no broker is there, and none is needed."""
    begun: list[Stack] = []

    def start(**settings: str) -> Stack:
        stack = Stack(tmp_path / "web", database_url, f"unix://{tmp_path}/none.sock", **settings)
        begun.append(stack)
        stack.start("web")
        return stack

    yield start
    for stack in begun:
        stack.close()


def statuses(web: Stack, secret: str, count: int = 12) -> set[int]:
    """Each request on a connection of its own, so that every process gets some."""
    alone = {"Connection": "close"}
    return {web.send(comment(), secret, headers=alone).status_code for _ in range(count)}


def test_a_revoked_key_and_a_closed_window_count_in_every_process_within_5_s(start: Start) -> None:
    web = start(WEB_CONCURRENCY="2")
    source = web.make_source()
    web.wait_for(lambda: statuses(web, source.secret) == {202}, 5, "the first key in each process")
    rotated = web.flask("keys", "rotate", source.slug, "--window", "2s", "--json")["secret"]
    done = time.monotonic()
    web.wait_for(lambda: statuses(web, rotated) == {202}, 5, "the new key")
    web.wait_for(lambda: statuses(web, source.secret) == {401}, 10, "the end of the window")
    assert time.monotonic() - done < 2 + 5
    (new,) = web.rows("SELECT key_id FROM signing_key WHERE state = 'active'")
    web.flask("keys", "revoke", new["key_id"], "--json")
    done = time.monotonic()
    web.wait_for(lambda: statuses(web, rotated) == {401}, 10, "the revocation")
    assert time.monotonic() - done < 5


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_behind_one_proxy_the_right_most_forwarded_address_counts(start: Start) -> None:
    web = start(RELAY_TRUSTED_PROXIES="1")
    source = web.make_source()
    web.flask("sources", "allow", source.slug, "203.0.113.0/24")

    def answer(forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded} if forwarded else {}
        return web.send(comment(), source.secret, headers=headers).status_code

    web.wait_for(lambda: answer("203.0.113.7") == 202, 5, "the source")
    web.wait_for(lambda: answer("198.51.100.1") == 403, 5, "the list")
    for forwarded, status in (
        ("::ffff:203.0.113.7", 202),
        ("198.51.100.1, 203.0.113.7", 202),
        ("203.0.113.7, 198.51.100.1", 403),
        ("nonsense", 403),
        ("", 403),
    ):
        assert answer(forwarded) == status, forwarded
