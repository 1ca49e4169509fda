"""The table of refusals: every row is reachable, and no refusal is made outside of it."""

from __future__ import annotations

import ast
import base64
import hashlib
import hmac
import json
import re
import sqlite3
import string
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from werkzeug.test import TestResponse

import relay.ingest
from relay import database
from relay.i18n import in_language
from relay.ingest.refusals import RefusalCode
from relay.models import SigningKey, db
from relay.rules.states import SourceType
from relay.services.audit import COMMAND_LINE
from relay.services.sources import keys, revisions
from relay.services.sources import settings as source_settings
from relay.stored_text import translated
from tests.ingest.conftest import Sender, refresh
from tests.support.events import comment
from tests.support.languages import forget_stored_texts, use_translations

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
Scenario = Callable[[Sender], TestResponse]


def with_headers(**headers: str | None) -> Scenario:
    return lambda sender: sender.send(
        headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def rotate(sender: Sender, window: str) -> tuple[str, str]:
    """-> id and secret of the new key"""
    with sender.app.app_context():
        key, secret = keys.rotate_key(
            source_settings.find_source(sender.slug), COMMAND_LINE, keys.parse_window(window)
        )
        key_id = key.key_id
    refresh(sender.app)
    return key_id, secret


def change_key(sender: Sender, key_id: str, notify: bool = True, **values: Any) -> None:
    with sender.app.app_context():
        statement = update(SigningKey).where(SigningKey.key_id == key_id)
        db.session.execute(statement.values(**values))
        if notify:
            revisions.touch(revisions.SOURCES)
        db.session.commit()
    refresh(sender.app)


def request_key(sender: Sender, want: str = "state", **more: Any) -> TestResponse:
    body = json.dumps({"want": want}).encode()
    return sender.send(raw=body, path=f"/webhooks/wp/{sender.slug}/key", **more)


def key_unreadable(sender: Sender) -> TestResponse:
    change_key(sender, sender.key_id, sealed_secret="not encrypted")
    return sender.send(headers={"X-WP-Key-Id": sender.key_id})


def address_not_allowed(sender: Sender) -> TestResponse:
    with sender.app.app_context():
        source_settings.allow_network(sender.slug, "203.0.113.0/24", COMMAND_LINE)
    refresh(sender.app)
    return sender.send()


def key_revoked(sender: Sender) -> TestResponse:
    with sender.app.app_context():
        keys.revoke_key(sender.key_id, COMMAND_LINE)
    refresh(sender.app)
    return sender.send()


def key_expired(sender: Sender) -> TestResponse:
    rotate(sender, "0")
    return sender.send()


def key_not_valid_yet(sender: Sender) -> TestResponse:
    key_id, secret = rotate(sender, "1h")
    with sender.app.app_context():
        later = database.now(db.session) + keys.parse_window("1h")
    change_key(sender, key_id, not_before=later)
    return sender.send(secret=secret)


def key_ended(sender: Sender) -> TestResponse:
    rotate(sender, "1h")
    change_key(sender, sender.key_id, notify=False, state="revoked")
    return request_key(sender, "key")


def key_handed_over(sender: Sender) -> TestResponse:
    sender.send()
    rotate(sender, "1h")
    request_key(sender, "key")
    return request_key(sender, "key")


def key_to_unknown_address(sender: Sender) -> TestResponse:
    rotate(sender, "1h")
    return request_key(sender, "key")


def failures_rate_limited(sender: Sender) -> TestResponse:
    for _ in range(300):
        sender.app.extensions["relay_ingest"].limits.count_failure("127.0.0.1")
    return sender.send(secret="w" * 40)


def events_rate_limited(sender: Sender) -> TestResponse:
    with sender.app.app_context():
        source_settings.update_source(
            sender.slug, "Shop", "https://shop.example.com", 1, COMMAND_LINE
        )
    refresh(sender.app)
    sender.send()
    return sender.send()


def key_requests_rate_limited(sender: Sender) -> TestResponse:
    answers = [request_key(sender) for _ in range(21)]
    return answers[-1]


def event_id_conflict(sender: Sender) -> TestResponse:
    event = comment()
    sender.send(event)
    return sender.send(event | {"site": "https://other.example.com"})


def unstorable(sender: Sender) -> TestResponse:
    """The database refuses texts of more than 2,000 bytes, and accepts shorter ones."""
    sender.send()  # opens the writer's connection
    writer = sender.app.extensions["relay_ingest"].writer
    writer.connection.driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 2000)
    event = comment()
    event["data"]["content"] = "x" * 2000
    return sender.send(event)


def unavailable(sender: Sender) -> TestResponse:
    """The snapshot was not checked for 5 s, as if the database did not answer."""
    sender.send()
    snapshots = sender.app.extensions["relay_ingest"].snapshots
    with snapshots.lock:
        snapshots.checked_at = time.monotonic() - 5
        return sender.send()


def webhook(way: str, headers: dict[str, str], body: bytes = b"{}") -> Scenario:
    """A webhook of another program, for a source of that type."""

    def send(sender: Sender) -> TestResponse:
        with sender.app.app_context():
            source, _, secret = source_settings.create_source(
                "Other", "https://other.example.com", COMMAND_LINE, type_=SourceType(way)
            )
            slug = source.slug
        refresh(sender.app)
        mac = hmac.new(secret.encode(), body, hashlib.sha256).digest()
        facts = {"secret": secret, "mac": base64.b64encode(mac).decode()}
        return sender.app.test_client().post(
            f"/webhooks/{way}/{slug}",
            data=body,
            headers={name: value.format(**facts) for name, value in headers.items()},
        )

    return send


TOPIC = {"X-WC-Webhook-Topic": "order.updated"}
TOKEN = {"Authorization": "Bearer {secret}"}
SCENARIOS: dict[RefusalCode, Scenario] = {
    RefusalCode.WEBHOOK_HEADERS: webhook("woocommerce", TOPIC),
    RefusalCode.WEBHOOK_SIGNATURE: webhook(
        "woocommerce", TOPIC | {"X-WC-Webhook-Signature": "bm90IHRoZSBzaWduYXR1cmU="}
    ),
    RefusalCode.WEBHOOK_PAYLOAD: webhook(
        "woocommerce", TOPIC | {"X-WC-Webhook-Signature": "{mac}"}, b'{"code": "x"}'
    ),
    RefusalCode.TOKEN_MISSING: webhook("form", {}),
    RefusalCode.BAD_TOKEN: webhook("form", {"Authorization": "Bearer wrong"}),
    RefusalCode.FORM_CONTENT_TYPE: webhook("form", TOKEN | {"Content-Type": "text/html"}),
    RefusalCode.FORM_BODY: webhook("form", TOKEN | {"Content-Type": "application/json"}),
    RefusalCode.UNKNOWN_PATH: lambda sender: sender.send(path="/webhooks/wp/a/b"),
    RefusalCode.CONTENT_ENCODING: with_headers(Content_Encoding="gzip"),
    RefusalCode.INCOMPLETE_BODY: lambda sender: sender.send(environ={"CONTENT_LENGTH": "1e3"}),
    RefusalCode.TOO_LARGE: lambda sender: sender.send(raw=b"x" * 262_145),
    RefusalCode.METHOD_NOT_ALLOWED: lambda sender: sender.send(method="PUT"),
    RefusalCode.MISSING_HEADERS: with_headers(X_WP_Signature=None),
    RefusalCode.REPEATED_HEADERS: with_headers(X_WP_Timestamp="1,1"),
    RefusalCode.INVALID_EVENT_ID: with_headers(X_Event_Id="a b"),
    RefusalCode.UNKNOWN_SOURCE: lambda sender: sender.send(path="/webhooks/wp/unknown"),
    RefusalCode.UNKNOWN_KEY: with_headers(X_WP_Key_Id="key_unknown"),
    RefusalCode.KEY_UNREADABLE: key_unreadable,
    RefusalCode.ADDRESS_NOT_ALLOWED: address_not_allowed,
    RefusalCode.MALFORMED_TIME: lambda sender: sender.send(timestamp="yesterday"),
    RefusalCode.TIME_UNIT: lambda sender: sender.send(timestamp=str(int(time.time() * 1000))),
    RefusalCode.CLOCK_OFF: lambda sender: sender.send(timestamp=str(int(time.time()) - 412)),
    RefusalCode.KEY_REVOKED: key_revoked,
    RefusalCode.KEY_EXPIRED: key_expired,
    RefusalCode.KEY_NOT_VALID_YET: key_not_valid_yet,
    RefusalCode.BAD_SIGNATURE: lambda sender: sender.send(secret="w" * 40),
    RefusalCode.SIGNATURE_FORM: lambda sender: sender.send(secret=f"{sender.secret}\n"),
    RefusalCode.SIGNATURE_SHAPE: with_headers(X_WP_Signature="a" * 64),
    RefusalCode.FAILURES_RATE_LIMITED: failures_rate_limited,
    RefusalCode.EVENTS_RATE_LIMITED: events_rate_limited,
    RefusalCode.KEY_REQUESTS_RATE_LIMITED: key_requests_rate_limited,
    RefusalCode.CONTENT_TYPE: with_headers(Content_Type="text/html"),
    RefusalCode.INVALID_JSON: lambda sender: sender.send(raw=b'{"a": NaN}'),
    RefusalCode.EVENT_ID_MISMATCH: with_headers(X_Event_Id="another"),
    RefusalCode.INVALID_EVENT: lambda sender: sender.send(comment(data={})),
    RefusalCode.INVALID_KEY_REQUEST: lambda sender: request_key(sender, "secret"),
    RefusalCode.KEY_ENDED: key_ended,
    RefusalCode.KEY_HANDED_OVER: key_handed_over,
    RefusalCode.KEY_TO_UNKNOWN_ADDRESS: key_to_unknown_address,
    RefusalCode.UNSTORABLE: unstorable,
    RefusalCode.EVENT_ID_CONFLICT: event_id_conflict,
    RefusalCode.UNAVAILABLE: unavailable,
}


def matches(template: str, text: str) -> bool:
    """Whether ``text`` is ``template`` with any values filled in."""
    parts = string.Formatter().parse(template)
    pattern = "".join(
        re.escape(literal) + ("" if field is None else ".+") for literal, field, *_ in parts
    )
    return re.fullmatch(pattern, text) is not None


@SQLITE
@pytest.mark.parametrize("code", RefusalCode, ids=lambda code: code.name)
def test_a_request_gets_every_refusal_of_the_table(sender: Sender, code: RefusalCode) -> None:
    answer, row = SCENARIOS[code](sender), code.value
    assert (answer.status_code, answer.json["error"]) == (row.status, row.error)
    reason, sentence = sender.reasons()[-1]
    assert reason == (row.reason or row.error)
    assert matches(row.sentence, sentence), sentence
    if isinstance(row.detail, str):
        assert matches(row.detail, answer.json["detail"])
    elif row.detail is not None:
        assert answer.json["detail"] == row.detail
    if row.retry_after_s is None:
        assert "Retry-After" not in answer.headers
    else:
        assert 1 <= int(answer.headers["Retry-After"]) <= row.retry_after_s


def test_refusals_are_made_by_the_table_only() -> None:
    folder = Path(relay.ingest.__file__).parent
    calls = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) == "IngestRefusal"
    }
    assert calls == {"refusals.py"}


def test_no_two_refusals_have_the_same_sentence() -> None:
    assert len({code.value.sentence for code in RefusalCode}) == len(RefusalCode)


def test_a_page_shows_every_refusal_in_german(monkeypatch: pytest.MonkeyPatch) -> None:
    use_translations(monkeypatch)
    forget_stored_texts()
    with in_language("de"):
        shown = {code: translated(filled(code)) for code in RefusalCode}
        late = RefusalCode.CLOCK_OFF(seconds=400, direction="behind", window_s=300).sentence
        again = RefusalCode.FAILURES_RATE_LIMITED(address="203.0.113.7", last=late).sentence
        words = translated(late), translated(again)
    forget_stored_texts()
    english = {"Correct", "Enter", "Copy", "request", "Relay's", "site's", "with"}
    assert not [code for code, text in shown.items() if english & set(text.split())]
    assert [code for code, text in shown.items() if text == filled(code)] == []
    assert words[0].startswith("Die Zeit der Anfrage lag 400 s hinter der Uhr von Relay;")
    assert words[0] in words[1], "a sentence within another"


def filled(code: RefusalCode) -> str:
    names = {name for _, name, _, _ in string.Formatter().parse(code.value.sentence) if name}
    facts = {name: 437 if name == "seconds" else f"<{name}>" for name in names}
    return code(detail="", **facts).sentence
