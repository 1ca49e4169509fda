"""Who is authenticated and who is refused: keys, times, addresses, limits."""

from __future__ import annotations

import hmac
import threading
import time
from typing import Any

import pytest
from sqlalchemy import select, update

from relay import database
from relay.models import Rejection, SigningKey, db
from relay.services.audit import COMMAND_LINE
from relay.services.sources import keys, revisions
from relay.services.sources import settings as source_settings
from tests.ingest.conftest import Sender, refresh
from tests.support.events import comment

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_every_401_is_identical(sender: Sender) -> None:
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
        sender.send(headers={"X-WP-Signature": "sha256=" + "0" * 64}),
        sender.send(secret=f"{sender.secret}\n"),
        sender.send(secret="w" * 40, raw=b"not json", headers={"Content-Type": "text/html"}),
    ]
    assert {(a.status_code, a.data) for a in answers} == {(401, b'{"error": "unauthorized"}')}
    assert len({str(a.headers) for a in answers}) == 1
    assert {reason for reason, _ in sender.reasons()} == {
        "bad_signature",
        "clock_off",
        "malformed_time",
        "signature_form",
        "signature_shape",
        "time_unit",
        "unknown_key",
        "unknown_source",
    }


def test_the_true_reason_is_recorded_for_the_sites_owner(sender: Sender) -> None:
    sender.send(timestamp=str(int(time.time()) - 412))
    ((reason, sentence),) = sender.reasons()
    assert reason == "clock_off"
    assert "412 s behind Relay's clock" in sentence or "413 s behind Relay's clock" in sentence


def test_a_request_with_a_key_id_is_accepted(sender: Sender) -> None:
    assert sender.send(headers={"X-WP-Key-Id": sender.key_id}).status_code == 202


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


def test_a_revoked_key_stops_working_within_seconds(sender: Sender) -> None:
    assert sender.send().status_code == 202
    with sender.app.app_context():
        keys.revoke_key(sender.key_id, COMMAND_LINE)
    until = time.monotonic() + 5
    while (status := sender.send().status_code) == 202:
        assert time.monotonic() < until
    assert status == 401
    assert sender.reasons()[-1][0] == "key_revoked"


def test_a_key_that_is_not_valid_yet_and_an_unreadable_key_have_different_reasons(
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
            .values(not_before=database.now(db.session) + keys.parse_window("1h"))
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
def test_nothing_is_accepted_while_a_revocation_can_be_missed(sender: Sender) -> None:
    assert sender.send().status_code == 202
    snapshots = sender.app.extensions["relay_ingest"].snapshots
    with snapshots.lock:  # as if the reader hung
        snapshots.checked_at = time.monotonic() - 5
        answer = sender.send()
        assert (answer.status_code, answer.json["error"]) == (503, "unavailable")
        assert sender.send(secret="w" * 40).status_code == 401
    refresh(sender.app)
    assert sender.send().status_code == 202


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
def test_only_allowed_addresses_can_send(
    sender: Sender, listed: str, address: str, status: int
) -> None:
    with sender.app.app_context():
        source_settings.allow_network(sender.slug, listed, COMMAND_LINE)
    for path in ("/webhooks/wp", f"/webhooks/wp/{sender.slug}"):
        answer = sender.send(path=path, environ={"REMOTE_ADDR": address})
        assert answer.status_code == status
        if status == 403:
            assert answer.json == {"error": "address_not_allowed"}


@SQLITE
def test_without_trusted_proxies_a_forwarded_address_is_ignored(sender: Sender) -> None:
    with sender.app.app_context():
        source_settings.allow_network(sender.slug, "203.0.113.0/24", COMMAND_LINE)
    answer = sender.send(headers={"X-Forwarded-For": "203.0.113.7"})
    assert answer.status_code == 403


def test_a_source_above_its_limit_gets_429(sender: Sender) -> None:
    with sender.app.app_context():
        source_settings.update_source(
            sender.slug, "Shop", "https://shop.example.com", 2, COMMAND_LINE
        )
    answers = [sender.send() for _ in range(3)]
    assert [a.status_code for a in answers] == [202, 202, 429]
    assert answers[2].json == {"error": "rate_limited"}
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 60


def test_wrong_signatures_are_limited_and_valid_ones_are_not(sender: Sender) -> None:
    wrong = [sender.send(secret="w" * 40).status_code for _ in range(301)]
    assert set(wrong[:300]) == {401}
    assert wrong[300] == 429
    assert sender.send().status_code == 202


def test_header_and_body_must_have_the_same_event_id(sender: Sender) -> None:
    answer = sender.send(headers={"X-Event-Id": "another"})
    assert (answer.status_code, answer.json["error"]) == (400, "event_id_mismatch")


def test_invalid_json_is_400_and_a_schema_error_is_422(sender: Sender) -> None:
    answer = sender.send(raw=b'{"a": NaN}')
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_json")
    event = comment()
    del event["data"]["author"]
    answer = sender.send(event)
    assert answer.status_code == 422
    assert answer.json == {
        "error": "invalid_event",
        "detail": {"data.author": ["This field is missing."]},
    }


@SQLITE
@pytest.mark.parametrize("raw", [b"[]", b"null", b'"text"', b"5"])
def test_json_that_is_not_an_object_is_400(sender: Sender, raw: bytes) -> None:
    answer = sender.send(raw=raw)
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_json")


@SQLITE
def test_the_mistake_in_a_signature_is_on_the_page_of_the_site_whose_key_signed(
    sender: Sender,
) -> None:
    body = b"{}"
    moment = str(int(time.time()))
    in_hex = hmac.new(sender.secret.encode(), body, "sha256").hexdigest()
    answer = sender.send(raw=body, timestamp=moment, headers={"X-WP-Signature": f"sha256={in_hex}"})
    assert (answer.status_code, answer.data) == (401, b'{"error": "unauthorized"}')
    ((reason, sentence),) = sender.reasons()
    assert reason == "signature_form"
    assert sentence.endswith(
        "remove the prefix sha256=; write the signature in base64, not in hex; "
        "sign the time, a dot and the body, not the body alone."
    )
    with sender.app.app_context():
        assert db.session.scalar(select(Rejection.source_id)) is not None


@SQLITE
def test_a_request_signed_with_another_key_than_it_names_is_explained(sender: Sender) -> None:
    with sender.app.app_context():
        source = source_settings.find_source(sender.slug)
        other, _ = keys.rotate_key(source, COMMAND_LINE, keys.parse_window("1h"))
        other_id = other.key_id
    assert sender.send(headers={"X-WP-Key-Id": other_id}).status_code == 401
    ((reason, sentence),) = sender.reasons()
    assert reason == "signature_form"
    assert f"of the key {sender.key_id}" in sentence
    assert f"X-WP-Key-Id, not '{other_id}'" in sentence


@SQLITE
def test_only_a_few_mistakes_per_minute_are_looked_for(sender: Sender) -> None:
    for _ in range(14):
        sender.send(secret=f"{sender.secret}\n")
    sender.reasons()
    with sender.app.app_context():
        rows = db.session.execute(select(Rejection.reason, Rejection.count)).all()
    assert {tuple(row) for row in rows} == {("bad_signature", 4), ("signature_form", 10)}


@SQLITE
def test_an_address_over_the_limit_gets_no_explanation(sender: Sender) -> None:
    limits = sender.app.extensions["relay_ingest"].limits
    for _ in range(300):
        limits.count_failure("127.0.0.1")
    assert sender.send(secret=f"{sender.secret}\n").status_code == 429
    ((reason, sentence),) = sender.reasons()
    assert (reason, "right secret" in sentence) == ("rate_limited", False)


@SQLITE
def test_the_response_does_not_wait_for_the_explanation(sender: Sender) -> None:
    """The sender gets its 401 while the thread that explains cannot go on."""
    rejections = sender.app.extensions["relay_ingest"].rejections
    asked, go = threading.Event(), threading.Event()
    add = rejections.add

    def wait_first(record: Any, explain: Any = None) -> None:
        def slow() -> Any:
            asked.set()
            go.wait(10)
            return explain()

        add(record, slow if explain else None)

    rejections.add = wait_first
    assert sender.send(secret=f"{sender.secret}\n").status_code == 401
    assert asked.wait(5)
    assert sender.send(secret=f"{sender.secret}\n").status_code == 401
    go.set()
    assert {reason for reason, _ in sender.reasons()} == {"signature_form"}


@SQLITE
def test_the_list_of_the_site_that_signed_counts_even_if_another_site_has_none(
    sender: Sender,
) -> None:
    """Without a key id, the key is known only after every site was tried."""
    with sender.app.app_context():
        source_settings.create_source("Open", "https://open.example.com", COMMAND_LINE)
        source_settings.allow_network(sender.slug, "203.0.113.0/24", COMMAND_LINE)
        db.session.remove()
    refresh(sender.app)
    answer = sender.send(environ={"REMOTE_ADDR": "198.51.100.1"})
    assert (answer.status_code, answer.json) == (403, {"error": "address_not_allowed"})
    assert sender.send(environ={"REMOTE_ADDR": "203.0.113.9"}).status_code == 202
