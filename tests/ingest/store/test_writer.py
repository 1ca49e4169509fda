"""Group commit: groups that fail in part, lost connections, a database that hangs."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from relay.errors import Unavailable
from relay.models import Event, SigningKey, Source, db
from tests.ingest.conftest import Sender
from tests.support.events import comment
from tests.support.network import wait_for

POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def make_row(app: Flask) -> dict[str, Any]:
    with app.app_context():
        return {
            "source_id": db.session.scalar(select(Source.id)),
            "signing_key_id": db.session.scalar(select(SigningKey.id)),
            "event_type": "relay.test",
            "site": "https://a.example",
            "address": "127.0.0.1",
            "payload": "{}",
            "body_sha256": b"x" * 32,
            "search_text": "",
        }


def test_only_the_invalid_row_of_a_group_fails(sender: Sender) -> None:
    gateway: Any = sender.app.extensions["relay_ingest"]
    row = make_row(sender.app)
    found: dict[str, Any] = {}
    busy = threading.Lock()

    def store(name: str, **changes: Any) -> None:
        try:
            found[name] = gateway.writer.store(row | {"event_id": name} | changes).new
        except Exception as exc:
            found[name] = type(exc).__name__

    threads = [threading.Thread(target=store, args=(f"good-{n}",)) for n in range(8)]
    threads.append(threading.Thread(target=store, args=("bad",), kwargs={"payload": "\ud800"}))
    with busy:
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()
    assert found.pop("bad") == "UnstorableEvent"
    assert set(found.values()) == {True}


def test_a_group_shares_one_commit_and_only_its_invalid_rows_fail(sender: Sender) -> None:
    writer: Any = sender.app.extensions["relay_ingest"].writer
    row, found = make_row(sender.app), {}
    groups: list[int] = []
    gathered, together = threading.Semaphore(0), threading.Event()
    gather = writer._gather

    def in_one_group() -> Any:
        """The first group waits until all threads have queued their rows."""
        first = gather()
        if first is None:
            return None
        gathered.release()
        together.wait(10)
        while first and len(first) < 12 and not groups:
            first += gather() or []
        groups.append(len(first))
        return first

    writer._gather = in_one_group
    changes: dict[str, dict[str, Any]] = {f"good-{n}": {} for n in range(8)}
    changes["no-such-source"] = {"source_id": 999_999}
    changes["lone-surrogate"] = {"payload": "half a pair \ud800"}
    changes["again"] = {"event_id": "good-1"}
    changes["other-body"] = {"event_id": "good-2", "body_sha256": b"y" * 32}

    def store(name: str) -> None:
        try:
            stored = writer.store(row | {"event_id": name} | changes[name])
            found[name] = (stored.new, stored.same_body)
        except Exception as exc:
            found[name] = type(exc).__name__

    threads = [threading.Thread(target=store, args=(name,)) for name in changes]
    for thread in threads:
        thread.start()
        gathered.acquire(timeout=0.2)
    together.set()
    for thread in threads:
        thread.join(20)
    assert groups[0] == 12
    assert found.pop("no-such-source") == "Unavailable"
    assert found.pop("lone-surrogate") == "UnstorableEvent"
    pairs = [
        (found.pop("again"), found.pop("good-1")),
        (found.pop("other-body"), found.pop("good-2")),
    ]
    assert sorted(pairs[0]) == [(False, True), (True, True)]
    assert sorted(pairs[1]) in ([(False, False), (True, True)], [(False, True), (True, False)])
    assert set(found.values()) == {(True, True)}


@POSTGRES
def test_a_lost_connection_is_opened_again_within_the_request(sender: Sender) -> None:
    assert sender.send().status_code == 202
    with sender.app.app_context():
        db.session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        )
        db.session.rollback()
    assert {sender.send().status_code for _ in range(5)} == {202}


@POSTGRES
def test_a_hanging_database_makes_the_writer_unavailable_until_it_answers(sender: Sender) -> None:
    writer: Any = sender.app.extensions["relay_ingest"].writer
    writer.wait_s = 0.3
    row = make_row(sender.app)
    with sender.app.app_context():
        db.session.execute(text("LOCK TABLE event IN ACCESS EXCLUSIVE MODE"))
        began = time.monotonic()
        with pytest.raises(Unavailable):
            writer.store(row | {"event_id": "waits"})
        wait_for(lambda: time.monotonic() - began > 0.4, 2)
        with pytest.raises(Unavailable):
            writer.store(row | {"event_id": "refused at once"})
        assert time.monotonic() - began < 1.5
        db.session.rollback()
    writer.wait_s = 10
    wait_for(lambda: writer.state.busy_since is None, 10, "the end of the stuck group")
    assert writer.store(row | {"event_id": "after"}).new


@SQLITE
def test_queued_events_are_committed_before_the_writer_ends(sender: Sender) -> None:
    sender.send(comment())
    sender.app.extensions["relay_ingest"].close()
    with sender.app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Event)) == 1
