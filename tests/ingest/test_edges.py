"""What stands behind the answers: clocks, addresses, groups that fail, refusals that outlive the database."""

from __future__ import annotations

import io
import threading
import time
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update

from relay.errors import Unavailable
from relay.ingest.limits import Limits
from relay.ingest.rejections import RejectionRecord
from relay.ingest.request import check_declared, plain_address, read_body, source_address
from relay.ingest.responses import IngestRefusal
from relay.ingest.store.wakeups import RouterWakeup
from relay.models import Event, Rejection, SigningKey, Source, db
from relay.services.audit import COMMAND_LINE
from relay.services.sources import keys, revisions
from relay.services.sources import settings as source_settings
from tests.ingest.conftest import Sender, refresh
from tests.support.events import comment
from tests.support.network import wait_for

POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:DB8::5]:4711", "2001:db8::5"),
        ("[2001:db8::5]", "2001:db8::5"),
        ("fe80::1%eth0", "fe80::1"),
        (" 203.0.113.7 ", "203.0.113.7"),
        ("203.0.113", ""),
        ("203.0.113.007", ""),
        ("unknown", ""),
        ("203.0.113.7, 10.0.0.1", ""),
        ("'; DROP TABLE event", ""),
        ("", ""),
    ],
)
def test_an_address_has_one_spelling_or_is_none(text: str, address: str) -> None:
    assert plain_address(text) == address


def test_nonsense_behind_a_proxy_leaves_the_peers_address() -> None:
    environ = {
        "REMOTE_ADDR": "nonsense",
        "werkzeug.proxy_fix.orig": {"REMOTE_ADDR": "::ffff:10.0.0.9"},
    }
    assert source_address(environ) == "10.0.0.9"
    assert source_address({"REMOTE_ADDR": ""}) == ""


@SQLITE
def test_without_trusted_proxies_a_forwarded_address_counts_for_nothing(sender: Sender) -> None:
    with sender.app.app_context():
        source_settings.allow_network(sender.slug, "203.0.113.0/24", COMMAND_LINE)
    answer = sender.send(headers={"X-Forwarded-For": "203.0.113.7"})
    assert answer.status_code == 403


class Broken:
    def read(self, size: int) -> bytes:
        raise ConnectionResetError


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"CONTENT_LENGTH": "9", "wsgi.input": io.BytesIO(b"short")}, 400),
        ({"CONTENT_LENGTH": "9", "wsgi.input": Broken()}, 400),
        ({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(b"x" * 11)}, 413),
        ({"CONTENT_LENGTH": "11"}, 413),
        ({"CONTENT_LENGTH": "-1"}, 400),
        ({"CONTENT_LENGTH": "1e3"}, 400),
        ({"CONTENT_LENGTH": "9" * 30}, 400),
        ({"HTTP_CONTENT_ENCODING": "gzip"}, 415),
        ({"HTTP_CONTENT_ENCODING": "identity, br"}, 415),
    ],
)
def test_a_body_that_lies_is_turned_away(environ: dict[str, Any], status: int) -> None:
    with pytest.raises(IngestRefusal) as away:
        check_declared(environ, 10)
        read_body(environ, 10)
    assert away.value.status == status


@pytest.mark.parametrize(
    "environ",
    [
        {"CONTENT_LENGTH": "10", "wsgi.input": io.BytesIO(b"x" * 10 + b"the next request")},
        {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(b"x" * 10)},
    ],
)
def test_a_body_of_the_limit_itself_is_read_whole(environ: dict[str, Any]) -> None:
    assert read_body(environ, 10) == b"x" * 10


@SQLITE
@pytest.mark.parametrize("name", ["X-WP-Timestamp", "X-WP-Signature", "X-WP-Key-Id"])
def test_a_header_that_came_twice_is_refused(sender: Sender, name: str) -> None:
    answer = sender.send(headers={name: "1,1"})
    assert (answer.status_code, answer.json["error"]) == (400, "repeated_headers")


@SQLITE
@pytest.mark.parametrize("raw", [b"[]", b"null", b'"text"', b"5"])
def test_json_that_is_no_object_is_400(sender: Sender, raw: bytes) -> None:
    answer = sender.send(raw=raw)
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_json")


@SQLITE
def test_the_size_of_a_body_is_judged_before_its_headers(sender: Sender) -> None:
    answer = sender.send(raw=b"x" * 262_145, headers={"X-WP-Signature": None})
    assert answer.status_code == 413


def test_ipv6_neighbours_share_the_limit_of_wrong_signatures() -> None:
    limits = Limits()
    waits = [limits.take_bad_signature(f"2001:db8::{n:x}") for n in range(1, 302)]
    assert waits[:300] == [None] * 300
    assert waits[300] is not None and 1 <= waits[300] <= 60
    assert limits.take_bad_signature("2001:db8:0:1::1") is None


def test_a_key_from_the_future_and_one_that_cannot_be_opened_are_told_apart(
    sender: Sender,
) -> None:
    with sender.app.app_context():
        source = source_settings.find_source(sender.slug)
        later, secret = keys.rotate_key(source, COMMAND_LINE, keys.parse_window("1h"))
        sealed_elsewhere, _, _ = source_settings.create_source(
            "Other", "https://other.example.com", COMMAND_LINE
        )
        other_id = sealed_elsewhere.keys[0].key_id
        db.session.execute(
            update(SigningKey)
            .where(SigningKey.key_id == later.key_id)
            .values(not_before=keys.database_now() + keys.parse_window("1h"))
        )
        db.session.execute(
            update(SigningKey).where(SigningKey.key_id == other_id).values(sealed_secret="nonsense")
        )
        revisions.touch(revisions.SOURCES)
        db.session.commit()
    assert sender.send(secret=secret).status_code == 401
    assert sender.send(headers={"X-WP-Key-Id": other_id}).status_code == 401
    assert sender.send().status_code == 202
    assert [reason for reason, _ in sender.reasons()] == ["key_not_valid_yet", "key_unreadable"]


@SQLITE
def test_a_key_window_is_judged_by_the_databases_clock(sender: Sender) -> None:
    snapshots = sender.app.extensions["relay_ingest"].snapshots
    sender.send()
    assert abs(snapshots.clock_ahead.total_seconds()) < 1


@SQLITE
def test_nothing_is_accepted_while_a_revocation_might_go_unseen(sender: Sender) -> None:
    assert sender.send().status_code == 202
    snapshots = sender.app.extensions["relay_ingest"].snapshots
    with snapshots.lock:  # as if the reader hung
        snapshots.checked_at = time.monotonic() - 5
        answer = sender.send()
        assert (answer.status_code, answer.json["error"]) == (503, "unavailable")
        assert sender.send(secret="w" * 40).status_code == 401
    refresh(sender.app)
    assert sender.send().status_code == 202


def row_of(app: Flask) -> dict[str, Any]:
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


def test_a_group_shares_one_commit_and_only_rows_at_fault_fail(sender: Sender) -> None:
    writer: Any = sender.app.extensions["relay_ingest"].writer
    row, found = row_of(sender.app), {}
    groups: list[int] = []
    gathered, together = threading.Semaphore(0), threading.Event()
    gather = writer._gather

    def in_one_group() -> Any:
        """The first group waits until all have handed in their rows."""
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
    changes["too-odd"] = {"payload": "half a pair \ud800"}
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
    assert found.pop("no-such-source") == found.pop("too-odd") == "UnstorableEvent"
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
def test_a_database_that_does_not_answer_gives_503_in_time_and_heals(sender: Sender) -> None:
    writer: Any = sender.app.extensions["relay_ingest"].writer
    writer.wait_s = 0.3
    row = row_of(sender.app)
    with sender.app.app_context():
        db.session.execute(text("LOCK TABLE event IN ACCESS EXCLUSIVE MODE"))
        began = time.monotonic()
        with pytest.raises(Unavailable):
            writer.store(row | {"event_id": "waits"})
        wait_for(lambda: time.monotonic() - began > 0.4, 2)
        with pytest.raises(Unavailable):
            writer.store(row | {"event_id": "told at once"})
        assert time.monotonic() - began < 1.5
        db.session.rollback()
    writer.wait_s = 10
    wait_for(lambda: writer.busy_since is None, 10, "the end of the stuck group")
    assert writer.store(row | {"event_id": "after"}).new


def counts(app: Flask) -> list[tuple[str, int, str]]:
    with app.app_context():
        found = db.session.execute(
            select(Rejection.reason, Rejection.count, Rejection.address).order_by(Rejection.id)
        ).all()
        db.session.rollback()
        return [(row.reason, row.count, row.address) for row in found]


def test_alike_refusals_of_a_minute_are_one_row(sender: Sender) -> None:
    for _ in range(3):
        sender.send(secret="w" * 40)
    wait_for(lambda: counts(sender.app), 5)
    for _ in range(2):
        sender.send(secret="w" * 40)
    sender.send(secret="w" * 40, environ={"REMOTE_ADDR": "203.0.113.9"})
    wait_for(lambda: len(counts(sender.app)) == 2, 5)
    assert counts(sender.app) == [
        ("bad_signature", 5, "127.0.0.1"),
        ("bad_signature", 1, "203.0.113.9"),
    ]


@SQLITE
def test_a_flood_from_many_addresses_is_few_rows_and_none_is_uncounted(sender: Sender) -> None:
    rejections: Any = sender.app.extensions["relay_ingest"].rejections
    for n in range(5000):
        address = f"203.0.{n // 250}.{n % 250}"
        rejections.keep(
            RejectionRecord(None, "missing_headers", "None was there.", 400, address, None)
        )
    rejections.close()
    rows = counts(sender.app)
    assert sum(count for _, count, _ in rows) == 5000
    assert len(rows) < 1000
    assert any(address == "" for _, _, address in rows)


@POSTGRES
def test_refusals_outlive_a_database_that_is_away(sender: Sender, postgres_server: Any) -> None:
    sender.send()
    postgres_server.stop()
    try:
        assert sender.send(secret="w" * 40).status_code == 401
        assert sender.send().status_code == 503
    finally:
        postgres_server.start()
    wait_for(lambda: len(counts(sender.app)) == 2, 15)
    assert {reason for reason, _, _ in counts(sender.app)} == {"bad_signature", "unavailable"}


@SQLITE
def test_a_refusal_names_its_source_by_the_path_even_before_anyone_signed(sender: Sender) -> None:
    sender.send()
    sender.send(path=f"/webhooks/wp/{sender.slug}", headers={"X-WP-Signature": None})
    sender.reasons()
    with sender.app.app_context():
        assert db.session.scalar(select(Rejection.source_id)) == db.session.scalar(
            select(Source.id)
        )


def test_a_slow_broker_delays_no_commit_and_wakeups_become_one() -> None:
    began, go, calls = threading.Event(), threading.Event(), []

    def slow() -> None:
        calls.append(1)
        began.set()
        go.wait(10)

    wakeups = RouterWakeup(slow)
    wakeups.call()
    assert began.wait(5)
    at = time.monotonic()
    for _ in range(50):
        wakeups.call()
    assert time.monotonic() - at < 1
    go.set()
    wakeups.close()
    assert 2 <= len(calls) <= 3


@SQLITE
def test_what_waits_is_committed_before_the_writer_ends(sender: Sender) -> None:
    sender.send(comment())
    sender.app.extensions["relay_ingest"].close()
    with sender.app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Event)) == 1
