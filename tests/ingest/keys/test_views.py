"""Key requests: what a site gets, what it never gets, and the audit entry."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import Flask
from sqlalchemy import func, select, update

from relay import database
from relay.models import AuditEntry, Event, SigningKey, db
from relay.services.audit import COMMAND_LINE
from relay.services.sources import keys
from relay.services.sources import settings as source_settings
from tests.ingest.conftest import Sender, refresh

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def unseal(secret: str, request_id: str, sealed_key: dict[str, str]) -> dict[str, str]:
    """Decrypt as the plugin does, written independently."""
    salt, nonce, sealed = (
        base64.b64decode(sealed_key[name]) for name in ("salt", "nonce", "sealed")
    )
    key = HKDF(SHA256(), 32, salt, b"relay key handover 1").derive(secret.encode())
    plain: dict[str, str] = json.loads(AESGCM(key).decrypt(nonce, sealed, request_id.encode()))
    return plain


def request_key(sender: Sender, want: object = "key", request_id: str = "wp-key-1", **more: object):  # type: ignore[no-untyped-def]
    return sender.send(
        raw=json.dumps({"want": want, "site": "https://shop.example.com"}).encode(),
        path=f"/webhooks/wp/{sender.slug}/key",
        headers={"X-Event-Id": request_id, "X-WP-Key-Id": sender.key_id},
        **more,  # type: ignore[arg-type]
    )


def rotate(app: Flask, sender: Sender, window: timedelta = timedelta(hours=24)) -> tuple[str, str]:
    """After an event of the site: Relay sends a key only to an address that it knows."""
    assert sender.send().status_code == 202
    with app.app_context():
        key, secret = keys.rotate_key(
            source_settings.find_source(sender.slug), COMMAND_LINE, window
        )
        key_id = key.key_id
    refresh(app)
    return key_id, secret


def handover_entries(app: Flask) -> list[AuditEntry]:
    with app.app_context():
        return list(
            db.session.scalars(select(AuditEntry).where(AuditEntry.action == "key.hand_over"))
        )


def test_a_retiring_key_gets_the_newer_one_and_the_audit_trail_records_it(
    app: Flask, sender: Sender
) -> None:
    key_id, secret = rotate(app, sender)
    answer = request_key(sender)
    key_status = answer.get_json()
    assert (answer.status_code, key_status["status"]) == (200, "newer")
    assert answer.headers["Cache-Control"] == "no-store"
    assert unseal(sender.secret, "wp-key-1", key_status) == {"key_id": key_id, "secret": secret}
    assert secret not in answer.text and secret not in repr(handover_entries(app)[0].detail)
    [entry] = handover_entries(app)
    assert (entry.actor, entry.object_label) == ("site", sender.slug)
    assert entry.detail == {"key": key_id, "signed_by": sender.key_id}
    with app.app_context():
        assert db.session.scalar(select(func.count(Event.id))) == 1, "a key request is not an event"
        [old] = db.session.scalars(select(SigningKey).where(SigningKey.key_id == sender.key_id))
        assert (old.handed_over_to, old.handed_over_at is not None) == ("127.0.0.1", True)


@SQLITE
def test_the_new_key_is_accepted_as_soon_as_it_was_sent(app: Flask, sender: Sender) -> None:
    assert sender.send().status_code == 202
    with app.app_context():
        keys.rotate_key(source_settings.find_source(sender.slug), COMMAND_LINE)
    new = unseal(sender.secret, "wp-key-1", request_key(sender).get_json())
    fresh = Sender(app, sender.slug, new["key_id"], new["secret"])
    assert request_key(fresh).get_json() == {"status": "current"}


@SQLITE
def test_the_sealed_key_opens_only_with_the_old_secret_and_its_own_request_id(
    app: Flask, sender: Sender
) -> None:
    _, secret = rotate(app, sender)
    sealed = request_key(sender).get_json()
    for wrong_secret, wrong_id in ((secret, "wp-key-1"), (sender.secret, "wp-key-2")):
        with pytest.raises(InvalidTag):
            unseal(wrong_secret, wrong_id, sealed)


def test_the_newer_key_is_sent_once(app: Flask, sender: Sender) -> None:
    rotate(app, sender)
    assert request_key(sender, "state").get_json()["status"] == "newer"
    assert request_key(sender).status_code == 200
    again = request_key(sender, request_id="wp-key-2")
    assert (again.status_code, again.get_json()["error"]) == (409, "key_not_handed_over")
    assert request_key(sender, "state").get_json()["status"] == "newer"
    assert len(handover_entries(app)) == 1
    assert [reason for reason, _ in sender.reasons()] == ["key_handed_over"]


@SQLITE
def test_two_requests_at_once_get_the_newer_key_once(app: Flask, sender: Sender) -> None:
    rotate(app, sender)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda n: request_key(sender, request_id=f"k-{n}"), range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]


@SQLITE
def test_the_newer_key_goes_to_an_address_that_sent_events_before_the_rotation(
    app: Flask, sender: Sender
) -> None:
    thief = {"REMOTE_ADDR": "203.0.113.9"}
    rotate(app, sender)
    assert sender.send(environ=thief).status_code == 202, "the old key is still valid"
    refused = request_key(sender, environ=thief)
    assert (refused.status_code, refused.get_json()["error"]) == (409, "key_not_handed_over")
    assert handover_entries(app) == []
    assert request_key(sender).status_code == 200
    assert [reason for reason, _ in sender.reasons()] == ["key_to_unknown_address"]


@SQLITE
def test_a_key_that_may_have_leaked_gets_nothing_any_more(app: Flask, sender: Sender) -> None:
    assert sender.send().status_code == 202
    with app.app_context():
        source = source_settings.find_source(sender.slug)
        keys.rotate_key(source, COMMAND_LINE, timedelta(hours=24), leaked=True)
    refresh(app)
    assert (request_key(sender).status_code, sender.send().status_code) == (401, 401)
    assert handover_entries(app) == []


@SQLITE
def test_the_newest_key_gets_the_status_current(app: Flask, sender: Sender) -> None:
    assert request_key(sender).get_json() == {"status": "current"}
    rotate(app, sender)
    assert request_key(sender, "state").get_json().keys() == {"status", "until"}
    assert handover_entries(app) == [], "no key was sent"


@SQLITE
def test_a_retiring_key_without_a_successor_gets_the_status_no_newer_key(
    app: Flask, sender: Sender
) -> None:
    key_id, _ = rotate(app, sender)
    with app.app_context():
        keys.revoke_key(key_id, COMMAND_LINE)
    refresh(app)
    assert request_key(sender).get_json() == {"status": "no_newer_key"}


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_key_that_ended_gets_401(app: Flask, sender: Sender, end: str) -> None:
    rotate(app, sender, timedelta(0) if end == "expired" else timedelta(hours=1))
    if end == "revoked":
        with app.app_context():
            keys.revoke_key(sender.key_id, COMMAND_LINE)
        refresh(app)
    answer = request_key(sender)
    assert (answer.status_code, answer.get_json()) == (401, {"error": "unauthorized"})
    assert handover_entries(app) == []


@SQLITE
@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_key_that_just_ended_gets_401_before_the_snapshot_is_reloaded(
    app: Flask, sender: Sender, end: str
) -> None:
    rotate(app, sender)
    with app.app_context():
        now = database.now(db.session)
        ended = {"state": "revoked"} if end == "revoked" else {"not_after": now}
        db.session.execute(
            update(SigningKey).where(SigningKey.key_id == sender.key_id).values(**ended)
        )
        db.session.commit()
    assert request_key(sender).status_code == 401
    assert handover_entries(app) == []


@SQLITE
def test_a_key_request_is_checked_like_an_event(app: Flask, sender: Sender) -> None:
    rotate(app, sender)
    assert request_key(sender, secret="x" * 40).status_code == 401
    assert request_key(sender, timestamp="1").status_code == 401
    assert request_key(sender, method="GET").status_code == 405
    assert request_key(sender, "secret").status_code == 422
    with app.app_context():
        source_settings.allow_network(sender.slug, "192.0.2.0/24", COMMAND_LINE)
    refresh(app)
    assert request_key(sender).status_code == 403
    reasons = {"bad_signature", "clock_off", "method", "invalid_question", "address_not_allowed"}
    # A wrong signature is explained after the answer, so its place among the others varies.
    assert {reason for reason, _ in sender.reasons()} == reasons


@SQLITE
def test_the_path_without_a_source_works_too(app: Flask, sender: Sender) -> None:
    key_id, _ = rotate(app, sender)
    answer = sender.send(
        raw=b'{"want":"key"}', path="/webhooks/key", headers={"X-Event-Id": "wp-key-9"}
    )
    assert unseal(sender.secret, "wp-key-9", answer.get_json())["key_id"] == key_id


@SQLITE
def test_a_source_with_the_slug_key_still_accepts_events(app: Flask, sender: Sender) -> None:
    with app.app_context():
        source, key, secret = source_settings.create_source(
            "Key", "https://key.example.com", COMMAND_LINE
        )
        other = Sender(app, source.slug, key.key_id, secret)
    refresh(app)
    assert other.slug == "key"
    assert other.send(path="/webhooks/wp/key").status_code == 202
    assert request_key(other).get_json() == {"status": "current"}


@SQLITE
def test_too_many_key_requests_get_429(app: Flask, sender: Sender) -> None:
    answers = [request_key(sender, "state") for _ in range(21)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    assert int(answers[-1].headers["Retry-After"]) >= 1
