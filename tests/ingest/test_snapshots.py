"""Changed keys take effect in every process, and windows follow the database's clock."""

from __future__ import annotations

import time

import pytest

from tests.ingest.conftest import Sender, StartWeb
from tests.support.events import comment
from tests.support.stack import Stack

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def statuses(web: Stack, secret: str, count: int = 12) -> set[int]:
    """Each request on a connection of its own, so that every process gets some."""
    alone = {"Connection": "close"}
    return {web.send(comment(), secret, headers=alone).status_code for _ in range(count)}


@SQLITE
def test_key_windows_follow_the_databases_clock(sender: Sender) -> None:
    snapshots = sender.app.extensions["relay_ingest"].snapshots
    sender.send()
    assert abs(snapshots.clock_ahead.total_seconds()) < 1


def test_a_revocation_and_the_end_of_a_window_take_effect_in_every_process_within_5_s(
    start_web: StartWeb,
) -> None:
    web = start_web(WEB_CONCURRENCY="2")
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


def test_a_removed_site_is_refused_in_every_process_within_5_s(start_web: StartWeb) -> None:
    web = start_web(WEB_CONCURRENCY="2")
    source = web.make_source()
    web.wait_for(lambda: statuses(web, source.secret) == {202}, 5, "the first key in each process")
    web.flask("sources", "remove", source.slug, "--yes", "--json")
    removed = time.monotonic()
    web.wait_for(lambda: statuses(web, source.secret) == {401}, 10, "the removal")
    assert time.monotonic() - removed < 5
    answer = web.send(comment(), source.secret, source=source.slug)
    unknown = web.send(comment(), source.secret, source="never-was")
    assert (answer.status_code, answer.json()) == (unknown.status_code, unknown.json())
    again = web.make_source()  # the same slug, with a key of its own
    assert again.slug == source.slug
    web.wait_for(lambda: statuses(web, again.secret) == {202}, 5, "the new key in each process")
    assert statuses(web, source.secret) == {401}
