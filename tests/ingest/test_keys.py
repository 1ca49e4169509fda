"""A site asks about its keys: what it learns, what it never learns, and that the trail says so."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import Flask
from sqlalchemy import select, update

from relay.ingest.keys import handover
from relay.models import AuditEntry, Event, SigningKey, db
from relay.services.audit import COMMAND_LINE
from relay.services.sources import keys
from relay.services.sources import settings as source_settings
from tests.ingest.conftest import Sender, refresh

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "key-handover.json").read_text(encoding="utf-8")
)
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def opened(secret: str, question_id: str, found: dict[str, str]) -> dict[str, str]:
    """What the plugin does, written down a second time."""
    salt, nonce, sealed = (base64.b64decode(found[name]) for name in ("salt", "nonce", "sealed"))
    key = HKDF(SHA256(), 32, salt, b"relay key handover 1").derive(secret.encode())
    plain: dict[str, str] = json.loads(AESGCM(key).decrypt(nonce, sealed, question_id.encode()))
    return plain


def ask(sender: Sender, want: object = "key", question_id: str = "wp-key-1", **more: object):  # type: ignore[no-untyped-def]
    return sender.send(
        raw=json.dumps({"want": want, "site": "https://shop.example.com"}).encode(),
        path=f"/webhooks/wp/{sender.slug}/key",
        headers={"X-Event-Id": question_id, "X-WP-Key-Id": sender.key_id},
        **more,  # type: ignore[arg-type]
    )


def rotate(app: Flask, sender: Sender, window: timedelta = timedelta(hours=24)) -> tuple[str, str]:
    with app.app_context():
        key, secret = keys.rotate_key(
            source_settings.find_source(sender.slug), COMMAND_LINE, window
        )
        key_id = key.key_id
    refresh(app)
    return key_id, secret


def trail(app: Flask) -> list[AuditEntry]:
    with app.app_context():
        return list(
            db.session.scalars(select(AuditEntry).where(AuditEntry.action == "key.hand_over"))
        )


def test_a_retiring_key_opens_the_newer_one_and_the_trail_says_so(
    app: Flask, sender: Sender
) -> None:
    key_id, secret = rotate(app, sender)
    answer = ask(sender)
    found = answer.get_json()
    assert (answer.status_code, found["status"]) == (200, "newer")
    assert answer.headers["Cache-Control"] == "no-store"
    assert opened(sender.secret, "wp-key-1", found) == {"key_id": key_id, "secret": secret}
    assert secret not in answer.text and secret not in repr(trail(app)[0].detail)
    [entry] = trail(app)
    assert (entry.actor, entry.object_label) == ("site", sender.slug)
    assert entry.detail == {"key": key_id, "signed_by": sender.key_id}
    with app.app_context():
        assert db.session.scalars(select(Event)).all() == [], "a question is no event"


@SQLITE
def test_the_new_key_is_accepted_as_soon_as_it_is_handed_over(app: Flask, sender: Sender) -> None:
    with app.app_context():
        keys.rotate_key(source_settings.find_source(sender.slug), COMMAND_LINE)
    new = opened(sender.secret, "wp-key-1", ask(sender).get_json())
    fresh = Sender(app, sender.slug, new["key_id"], new["secret"])
    assert ask(fresh).get_json() == {"status": "current"}


@SQLITE
def test_the_answer_opens_with_nothing_but_the_old_secret_and_its_own_question(
    app: Flask, sender: Sender
) -> None:
    _, secret = rotate(app, sender)
    found = ask(sender).get_json()
    for wrong, question in ((secret, "wp-key-1"), (sender.secret, "wp-key-2")):
        with pytest.raises(InvalidTag):
            opened(wrong, question, found)
    assert ask(sender).get_json()["sealed"] != found["sealed"], "never twice the same bytes"


@SQLITE
def test_the_newest_key_is_told_that_there_is_nothing_newer(app: Flask, sender: Sender) -> None:
    assert ask(sender).get_json() == {"status": "current"}
    rotate(app, sender)
    assert ask(sender, "state").get_json().keys() == {"status", "until"}
    assert trail(app) == [], "nothing was handed over"


@SQLITE
def test_a_retiring_key_without_a_successor_is_told_so(app: Flask, sender: Sender) -> None:
    key_id, _ = rotate(app, sender)
    with app.app_context():
        keys.revoke_key(key_id, COMMAND_LINE)
    refresh(app)
    assert ask(sender).get_json() == {"status": "no_newer_key"}


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_key_that_has_ended_gets_nothing(app: Flask, sender: Sender, end: str) -> None:
    rotate(app, sender, timedelta(0) if end == "expired" else timedelta(hours=1))
    if end == "revoked":
        with app.app_context():
            keys.revoke_key(sender.key_id, COMMAND_LINE)
        refresh(app)
    answer = ask(sender)
    assert (answer.status_code, answer.get_json()) == (401, {"error": "unauthorized"})
    assert trail(app) == []


@SQLITE
@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_key_that_ended_a_moment_ago_gets_nothing_before_the_processes_know(
    app: Flask, sender: Sender, end: str
) -> None:
    rotate(app, sender)
    with app.app_context():
        now = keys.database_now()
        gone = {"state": "revoked"} if end == "revoked" else {"not_after": now}
        db.session.execute(
            update(SigningKey).where(SigningKey.key_id == sender.key_id).values(**gone)
        )
        db.session.commit()
    assert ask(sender).status_code == 401
    assert trail(app) == []


@SQLITE
def test_a_question_is_checked_like_an_event(app: Flask, sender: Sender) -> None:
    rotate(app, sender)
    assert ask(sender, secret="x" * 40).status_code == 401
    assert ask(sender, timestamp="1").status_code == 401
    assert ask(sender, method="GET").status_code == 405
    assert ask(sender, "secret").status_code == 422
    with app.app_context():
        source_settings.allow_network(sender.slug, "192.0.2.0/24", COMMAND_LINE)
    refresh(app)
    assert ask(sender).status_code == 403
    assert [reason for reason, _ in sender.reasons()] == [
        "bad_signature", "clock_off", "method", "invalid_question", "address_not_allowed",
    ]  # fmt: skip


@SQLITE
def test_the_address_without_a_source_answers_too(app: Flask, sender: Sender) -> None:
    key_id, _ = rotate(app, sender)
    answer = sender.send(
        raw=b'{"want":"key"}', path="/webhooks/key", headers={"X-Event-Id": "wp-key-9"}
    )
    assert opened(sender.secret, "wp-key-9", answer.get_json())["key_id"] == key_id


@SQLITE
def test_a_source_that_is_called_key_still_takes_events(app: Flask, sender: Sender) -> None:
    with app.app_context():
        source, key, secret = source_settings.create_source(
            "Key", "https://key.example.com", COMMAND_LINE
        )
        other = Sender(app, source.slug, key.key_id, secret)
    refresh(app)
    assert other.slug == "key"
    assert other.send(path="/webhooks/wp/key").status_code == 202
    assert ask(other).get_json() == {"status": "current"}


@SQLITE
def test_who_asks_too_often_has_to_wait(app: Flask, sender: Sender) -> None:
    answers = [ask(sender, "state") for _ in range(21)]
    assert [one.status_code for one in answers] == [200] * 20 + [429]
    assert int(answers[-1].headers["Retry-After"]) >= 1


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: one["name"])
def test_the_sealing_is_what_both_sides_agreed_on(vector: dict[str, str]) -> None:
    sealed = handover.seal(
        vector["old_secret"],
        vector["question_id"],
        vector["key_id"],
        vector["secret"],
        base64.b64decode(vector["salt"]),
        base64.b64decode(vector["nonce"]),
    )
    assert sealed == {name: vector[name] for name in ("salt", "nonce", "sealed")}
