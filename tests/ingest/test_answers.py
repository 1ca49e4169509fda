"""Every answer of the contract, on both databases."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from relay.models import Event, Source, db
from relay.services.audit import COMMAND_LINE
from relay.services.sources import keys
from relay.services.sources import settings as source_settings
from tests.ingest.conftest import Sender, refresh
from tests.support.events import comment


def count_events(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(Event)) or 0


def test_a_new_event_is_accepted_and_committed(sender: Sender) -> None:
    event = comment()
    answer = sender.send(event)
    assert (answer.status_code, answer.content_type) == (202, "application/json")
    assert answer.json == {
        "status": "accepted",
        "id": answer.json["id"],
        "event_id": event["event_id"],
    }
    with sender.app.app_context():
        stored = db.session.get(Event, answer.json["id"])
        assert stored is not None
        assert json.loads(stored.payload) == event
        assert "grüße aus köln" in stored.search_text


def test_the_same_again_is_a_duplicate_and_the_first_id_comes_back(sender: Sender) -> None:
    event = comment()
    first = sender.send(event)
    again = sender.send(event, path=f"/webhooks/wp/{sender.slug}")
    assert again.status_code == 200
    assert again.json == {
        "status": "duplicate",
        "id": first.json["id"],
        "event_id": event["event_id"],
    }
    assert count_events(sender.app) == 1


def test_the_same_id_with_another_body_is_a_conflict_and_the_first_is_kept(sender: Sender) -> None:
    event = comment()
    sender.send(event)
    answer = sender.send(event | {"site": "https://other.example.com"})
    assert (answer.status_code, answer.json) == (409, {"error": "event_id_conflict"})
    assert count_events(sender.app) == 1


def test_two_sources_may_use_the_same_event_id(sender: Sender) -> None:
    with sender.app.app_context():
        _, _, other = source_settings.create_source(
            "Other", "https://other.example.com", COMMAND_LINE
        )
    event = comment()
    assert sender.send(event).status_code == 202
    refresh(sender.app)
    assert sender.send(event, secret=other).status_code == 202


@pytest.mark.parametrize("name", ["X-WP-Timestamp", "X-Event-Id", "X-WP-Signature"])
def test_a_missing_header_is_named(sender: Sender, name: str) -> None:
    answer = sender.send(headers={name: None})
    assert (answer.status_code, answer.json["error"]) == (400, "missing_headers")
    assert name in answer.json["detail"]


@pytest.mark.parametrize("event_id", ["a b", "a,b", "ä", "x" * 129, "a/b", "<b>"])
def test_a_malformed_event_id_is_refused(sender: Sender, event_id: str) -> None:
    answer = sender.send(headers={"X-Event-Id": event_id})
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_event_id")


def test_header_and_body_must_name_the_same_event(sender: Sender) -> None:
    answer = sender.send(headers={"X-Event-Id": "another"})
    assert (answer.status_code, answer.json["error"]) == (400, "event_id_mismatch")


def test_every_401_is_one_and_the_same(sender: Sender) -> None:
    now = int(time.time())
    answers = [
        sender.send(secret="w" * 40),
        sender.send(timestamp=str(now - 301)),
        sender.send(timestamp=str(now + 302)),
        sender.send(timestamp="yesterday"),
        sender.send(timestamp="1" * 13),
        sender.send(headers={"X-WP-Key-Id": "key_unknown"}),
        sender.send(path="/webhooks/wp/unknown"),
        sender.send(headers={"X-WP-Signature": "ü"}),
        sender.send(secret="w" * 40, raw=b"not json", headers={"Content-Type": "text/html"}),
    ]
    assert {(a.status_code, a.data) for a in answers} == {(401, b'{"error": "unauthorized"}')}
    assert len({str(a.headers) for a in answers}) == 1
    assert [reason for reason, _ in sender.reasons()] == [
        "bad_signature",
        "clock_off",
        "malformed_time",
        "unknown_key",
        "unknown_source",
    ]


def test_the_true_reason_is_kept_for_the_sources_owner(sender: Sender) -> None:
    sender.send(timestamp=str(int(time.time()) - 412))
    ((reason, sentence),) = sender.reasons()
    assert reason == "clock_off"
    assert "412 s behind Relay's clock" in sentence or "413 s behind Relay's clock" in sentence


def test_a_key_id_narrows_the_choice(sender: Sender) -> None:
    assert sender.send(headers={"X-WP-Key-Id": sender.key_id}).status_code == 202


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=UTF-8", "text/plain", None]
)
def test_json_may_be_declared_in_several_ways(sender: Sender, content_type: str | None) -> None:
    assert sender.send(headers={"Content-Type": content_type}).status_code == 202


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Encoding": "gzip"},
    ],
)
def test_another_type_or_encoding_is_415(sender: Sender, headers: dict[str, str | None]) -> None:
    assert sender.send(headers=headers).status_code == 415


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "FOO"])
@pytest.mark.parametrize("path", ["/webhooks/wp", "/webhooks/wp/shop"])
def test_another_method_is_405(sender: Sender, method: str, path: str) -> None:
    answer = sender.send(method=method, path=path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_a_body_over_the_limit_is_413_by_its_declared_size(sender: Sender) -> None:
    event = comment(data=comment()["data"] | {"content": "x" * 262_144})
    assert sender.send(event).status_code == 413


def test_broken_json_and_a_wrong_shape_are_told_apart(sender: Sender) -> None:
    answer = sender.send(raw=b'{"a": NaN}')
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_json")
    event = comment()
    del event["data"]["author"]
    answer = sender.send(event)
    assert answer.status_code == 422
    assert answer.json == {
        "error": "invalid_event",
        "detail": {"data.author": ["Missing data for required field."]},
    }


def test_a_refused_event_does_not_burn_its_id(sender: Sender) -> None:
    event = comment()
    broken = event | {"data": {}}
    assert sender.send(broken).status_code == 422
    assert sender.send(event).status_code == 202


def test_inside_the_window_both_keys_verify_and_after_it_only_the_new_one(sender: Sender) -> None:
    with sender.app.app_context():
        source = source_settings.find_source(sender.slug)
        _, new = keys.rotate_key(source, COMMAND_LINE, keys.parse_window("1h"))
    refresh(sender.app)
    assert sender.send().status_code == 202
    assert sender.send(secret=new).status_code == 202
    with sender.app.app_context():
        source = source_settings.find_source(sender.slug)
        _, newest = keys.rotate_key(source, COMMAND_LINE, keys.parse_window("0"))
    refresh(sender.app)
    assert sender.send(secret=new).status_code == 401
    assert sender.send(secret=newest).status_code == 202
    assert sender.reasons()[0][0] == "key_expired"


def test_a_revoked_key_stops_by_itself_within_seconds(sender: Sender) -> None:
    assert sender.send().status_code == 202
    with sender.app.app_context():
        keys.revoke_key(sender.key_id, COMMAND_LINE)
    until = time.monotonic() + 5
    while (status := sender.send().status_code) == 202:
        assert time.monotonic() < until
    assert status == 401
    assert sender.reasons()[-1][0] == "key_revoked"


@pytest.mark.parametrize(
    ("listed", "address", "status"),
    [
        ("203.0.113.0/24", "203.0.113.7", 202),
        ("203.0.113.0/24", "203.0.114.7", 403),
        ("203.0.113.7", "::ffff:203.0.113.7", 202),
        ("2001:db8::/32", "2001:db8::5", 202),
        ("2001:db8::/32", "203.0.113.7", 403),
        ("203.0.113.0/24", "nonsense", 403),
    ],
)
def test_an_allowlist_is_kept(sender: Sender, listed: str, address: str, status: int) -> None:
    with sender.app.app_context():
        source_settings.allow_network(sender.slug, listed, COMMAND_LINE)
    for path in ("/webhooks/wp", f"/webhooks/wp/{sender.slug}"):
        answer = sender.send(path=path, environ={"REMOTE_ADDR": address})
        assert answer.status_code == status
        if status == 403:
            assert answer.json == {"error": "address_not_allowed"}


def test_a_source_above_its_limit_is_told_to_wait(sender: Sender) -> None:
    with sender.app.app_context():
        source_settings.update_source(
            sender.slug, "Shop", "https://shop.example.com", 2, COMMAND_LINE
        )
    answers = [sender.send() for _ in range(3)]
    assert [a.status_code for a in answers] == [202, 202, 429]
    assert answers[2].json == {"error": "rate_limited"}
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 60


def test_wrong_signatures_are_limited_and_right_ones_never(sender: Sender) -> None:
    wrong = [sender.send(secret="w" * 40).status_code for _ in range(301)]
    assert set(wrong[:300]) == {401}
    assert wrong[300] == 429
    assert sender.send().status_code == 202


def test_twenty_identical_requests_at_once_give_one_event(sender: Sender) -> None:
    event, found, start = comment(), [], threading.Barrier(20)

    def one() -> None:
        start.wait()
        found.append(sender.send(event))

    threads = [threading.Thread(target=one) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(a.status_code for a in found) == [200] * 19 + [202]
    assert len({a.json["id"] for a in found}) == 1
    assert count_events(sender.app) == 1


def test_only_the_row_at_fault_fails_in_a_group(sender: Sender) -> None:
    gateway: Any = sender.app.extensions["relay_ingest"]
    sender.send()
    with sender.app.app_context():
        source_id = db.session.scalar(select(Source.id))
        key_id = db.session.scalar(select(Event.signing_key_id))
    row = {
        "source_id": source_id,
        "signing_key_id": key_id,
        "event_type": "relay.test",
        "site": "https://a.example",
        "address": "127.0.0.1",
        "payload": "{}",
        "body_sha256": b"x" * 32,
        "search_text": "",
    }
    found: dict[str, Any] = {}
    busy = threading.Lock()

    def store(name: str, **changes: Any) -> None:
        try:
            found[name] = gateway.writer.store(row | {"event_id": name} | changes).new
        except Exception as exc:
            found[name] = type(exc).__name__

    threads = [threading.Thread(target=store, args=(f"good-{n}",)) for n in range(8)]
    threads.append(threading.Thread(target=store, args=("bad",), kwargs={"source_id": 999_999}))
    with busy:
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()
    assert found.pop("bad") == "UnstorableEvent"
    assert set(found.values()) == {True}


def test_a_broker_that_is_away_costs_nothing(sender: Sender, valkey: Any) -> None:
    sender.send()
    valkey.stop()
    try:
        assert {sender.send().status_code for _ in range(10)} == {202}
    finally:
        valkey.start()


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_database_that_is_away_gives_503_and_its_return_202(
    sender: Sender, postgres_server: Any
) -> None:
    event = comment()
    assert sender.send().status_code == 202
    postgres_server.stop()
    try:
        answers = [sender.send(event) for _ in range(3)]
    finally:
        postgres_server.start()
    assert {(a.status_code, a.json["error"]) for a in answers} == {(503, "unavailable")}
    assert all(int(a.headers["Retry-After"]) > 0 for a in answers)
    assert sender.send(event).status_code == 202
