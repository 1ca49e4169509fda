"""Webhooks of other programs over HTTP: authentication, duplicates and answers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from relay.models import Event, db
from relay.rules.states import SourceType
from relay.services.audit import COMMAND_LINE
from relay.services.sources import keys
from relay.services.sources import settings as source_settings
from tests.ingest.conftest import StartWeb, refresh
from tests.ingest.webhooks.test_woocommerce import ORDER
from tests.support.events import comment
from tests.support.stack import sign


@dataclass
class Webhooks:
    """A source of webhooks, and its secret."""

    app: Flask
    slug: str
    secret: str
    way: str

    def send(self, body: Any, headers: dict[str, str], way: str = "") -> TestResponse:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        path = f"/webhooks/{way or self.way}/{self.slug}"
        headers = {"Content-Type": "application/json", **headers}
        return self.app.test_client().post(path, data=raw, headers=headers)

    def order(self, payload: Any = None, topic: str = "order.updated", secret: str = "") -> Any:
        raw = json.dumps(ORDER if payload is None else payload).encode()
        mac = hmac.new((secret or self.secret).encode(), raw, hashlib.sha256).digest()
        signature = base64.b64encode(mac).decode()
        headers = {"X-WC-Webhook-Topic": topic, "X-WC-Webhook-Signature": signature}
        return self.send(raw, headers)

    def form(self, body: Any, token: str = "", **headers: str) -> TestResponse:
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(body, {"Authorization": f"Bearer {token or self.secret}", **more})

    def events(self) -> list[Event]:
        with self.app.app_context():
            return list(db.session.scalars(select(Event).order_by(Event.id)))


def open_webhooks(app: Flask, way: SourceType) -> Webhooks:
    with app.app_context():
        source, _, secret = source_settings.create_source(
            "Shop", "https://shop.example.com", COMMAND_LINE, type_=way
        )
        return Webhooks(app, source.slug, secret, way.value)


@pytest.fixture
def shop(app: Flask) -> Iterator[Webhooks]:
    yield open_webhooks(app, SourceType.WOOCOMMERCE)
    app.extensions["relay_ingest"].close()


@pytest.fixture
def form(app: Flask) -> Iterator[Webhooks]:
    yield open_webhooks(app, SourceType.FORM)
    app.extensions["relay_ingest"].close()


def test_a_webhook_is_stored_once_with_the_time_of_the_change(shop: Webhooks) -> None:
    first, again = shop.order(), shop.order()
    assert (first.status_code, again.status_code) == (202, 200)
    assert (first.json["status"], again.json["status"]) == ("accepted", "duplicate")
    changed = shop.order(ORDER | {"status": "completed"})
    assert changed.status_code == 202, "another change within the same second"
    stored = [json.loads(event.payload) for event in shop.events()]
    assert [body["data"]["status"] for body in stored] == ["processing", "completed"]
    assert stored[0]["revision"] == 1772364488
    assert stored[0]["occurred_at"] == "2026-03-01T11:28:08+00:00"
    assert stored[0]["site"] == "https://shop.example.com"


def test_a_shop_whose_clock_was_ahead_is_not_blocked_afterwards(shop: Webhooks) -> None:
    ahead = ORDER | {"date_modified_gmt": "2998-03-01T11:28:08"}
    assert [shop.order(ahead).status_code for _ in range(2)] == [202, 200]
    (stored,) = [json.loads(event.payload) for event in shop.events()]
    assert abs(stored["revision"] - time.time()) < 60
    assert stored["occurred_at"] == "2998-03-01T11:28:08+00:00"


def test_the_ping_is_answered_without_a_signature_and_stores_nothing(shop: Webhooks) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert shop.send(b"webhook_id=3", kind).status_code == 200
    assert shop.send(b"webhook_id=3&x=1", kind).status_code == 400
    assert (
        shop.app.test_client().post("/webhooks/woocommerce/x", data=b"webhook_id=3").status_code
        == 401
    )
    assert shop.events() == []


def test_a_draft_is_ignored_with_200_so_that_the_webhook_stays_active(shop: Webhooks) -> None:
    answer = shop.order(ORDER | {"status": "checkout-draft"})
    assert (answer.status_code, answer.json) == (200, {"status": "ignored"})


def test_what_would_be_stored_is_not_larger_than_a_body_may_be(shop: Webhooks) -> None:
    limit = shop.app.extensions["relay_ingest"].config.max_body_bytes
    payload = {"id": 7, "note": "x" * (limit - 100)}
    assert shop.order(payload, "booking.updated").status_code == 413
    assert (
        shop.order(payload | {"note": "x" * (limit - 1000)}, "booking.updated").status_code == 202
    )


def test_a_secret_has_its_window_and_can_be_revoked(shop: Webhooks) -> None:
    with shop.app.app_context():
        source = source_settings.find_source(shop.slug)
        old = source.keys[0].key_id
        _, new = keys.rotate_key(source, COMMAND_LINE)
    refresh(shop.app)
    assert shop.order().status_code == 202
    assert shop.order(secret=new).status_code == 200
    with shop.app.app_context():
        keys.revoke_key(old, COMMAND_LINE)
    refresh(shop.app)
    assert shop.order(ORDER | {"total": "1.00"}).status_code == 401
    assert shop.order(ORDER | {"total": "1.00"}, secret=new).status_code == 202


def test_no_way_in_accepts_what_belongs_to_another(shop: Webhooks) -> None:
    event = {"event": "relay.test", "event_id": "e1", "site": "https://x.example.com", "data": {}}
    raw, moment = json.dumps(event).encode(), str(int(time.time()))
    signed = {"X-WP-Timestamp": moment, "X-Event-Id": "e1"}
    signed["X-WP-Signature"] = sign(shop.secret, moment, raw)
    client = shop.app.test_client()
    for path in ("/webhooks/wp", f"/webhooks/wp/{shop.slug}"):
        assert client.post(path, data=raw, headers=signed).status_code == 401
    assert (
        shop.send({"a": "b"}, {"Authorization": f"Bearer {shop.secret}"}, "form").status_code == 401
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_real_server_takes_many_webhooks_at_once_beside_events(start_web: StartWeb) -> None:
    stack = start_web()
    made = stack.flask(
        "sources",
        "create",
        "W",
        "--url",
        "https://w.example.com",
        "--type",
        "woocommerce",
        "--json",
    )
    signed = stack.make_source("Shop")

    def webhook(number: int) -> int:
        raw = json.dumps(ORDER | {"id": 1000 + number}).encode()
        mac = hmac.new(made["secret"].encode(), raw, hashlib.sha256).digest()
        headers = {
            "X-WC-Webhook-Topic": "order.updated",
            "X-WC-Webhook-Signature": base64.b64encode(mac).decode(),
            "Content-Type": "application/json",
        }
        path = made["endpoint"].partition("/webhooks")[2]
        return stack.http.post(f"{stack.url}/webhooks{path}", data=raw, headers=headers).status_code

    with ThreadPoolExecutor(16) as threads:
        webhooks = threads.map(webhook, range(40))
        events = threads.map(lambda _: stack.send(comment(), signed.secret).status_code, range(40))
        assert [*webhooks, *events] == [202] * 80
    assert webhook(0) == 200, "a duplicate"
    ping = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = stack.http.post(
        f"{stack.url}/webhooks/woocommerce/w", data="webhook_id=1", headers=ping
    )
    assert answer.status_code == 200


def test_a_form_entry_becomes_a_lead(form: Webhooks) -> None:
    body = {"your-email": "jane@example.com", "form_title": "Contact"}
    assert [form.form(body).status_code for _ in range(2)] == [202, 200]
    assert form.form(body, Idempotency_Key="entry-8").status_code == 202
    assert form.form({"a": "b"}, Idempotency_Key="entry-8").status_code == 409
    first, second = form.events()
    assert first.event_type == second.event_type == "lead.created"
    assert second.event_id == "form.entry-8"
    assert json.loads(first.payload)["data"]["fields"] == {"your-email": "jane@example.com"}


@pytest.mark.parametrize("header", ["", "Basic abc", "Bearer", "Bearer x", "Token x"])
def test_a_form_without_the_token_is_refused(form: Webhooks, header: str) -> None:
    assert form.send({"a": "b"}, {"Authorization": header}).status_code == 401
    assert form.events() == []


def test_the_list_of_addresses_and_the_limit_apply(form: Webhooks) -> None:
    with form.app.app_context():
        source_settings.update_source(form.slug, "S", "https://s.example.com", 1, COMMAND_LINE)
    refresh(form.app)
    assert form.form({"a": "1"}).status_code == 202
    assert form.form({"a": "2"}).status_code == 429
    with form.app.app_context():
        source_settings.allow_network(form.slug, "203.0.113.7", COMMAND_LINE)
    refresh(form.app)
    assert form.form({"a": "3"}).status_code == 403
    form.app.extensions["relay_ingest"].rejections.close()
    with form.app.app_context():
        source = source_settings.find_source(form.slug)
        found = source_settings.list_rejections(source.id).items
    assert {one.reason for one in found} == {"rate_limited", "address_not_allowed"}
