"""How messages are built and sent: signing keys, links, and the operator's settings."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask

from relay.delivery.message import apply_mapping, message_of, scope_of
from relay.delivery.payload import parse_payload
from relay.destinations import KINDS
from relay.mapping.templates import render
from relay.models import DeadLetter, Source, db
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from relay.services.sources import keys
from relay.services.sources import settings as source_settings
from tests.delivery.shop import open_shop
from tests.support.authority import Authority
from tests.support.connect_proxy import ConnectProxy
from tests.support.events import comment, order
from tests.support.fake_slack import FakeSlack, texts_in
from tests.support.sink import Seen, Sink
from tests.support.world import delivery_states, move, put


def connect(app: Flask, sink: Sink) -> tuple[str, str, int]:
    """A site whose address is the sink, and a destination for it.  -> slug, secret, destination"""
    sink.answer(200, {"status": "ok"})
    with app.app_context():
        source, _, secret = source_settings.create_source(
            "Shop", "https://shop.example.com", COMMAND_LINE
        )
        db.session.query(Source).update({"url": sink.url})
        db.session.commit()
        made = destination_settings.create_destination(
            "wordpress", "Back to the site", {}, COMMAND_LINE
        )
        return source.slug, secret, made.id


def signed_with(seen: Seen, secret: str) -> bool:
    content = seen.headers["x-relay-timestamp"].encode() + b"." + seen.body
    mac = hmac.new(secret.encode(), content, hashlib.sha256).digest()
    return base64.b64encode(mac).decode() in seen.headers["x-relay-signature"].split(" ")


def test_a_site_that_has_not_fetched_its_new_key_can_check_by_the_old_one(
    app: Flask, sink: Sink
) -> None:
    slug, first, number = connect(app, sink)
    put(app, slug, comment())
    move(app, number)
    with app.app_context():
        _, second = keys.rotate_key(source_settings.find_source(slug), COMMAND_LINE)
    put(app, slug, comment())
    move(app, number)
    one, two = sink.requests
    assert signed_with(one, first)
    assert signed_with(two, second) and signed_with(two, first)
    assert one.headers["x-relay-key-id"] != two.headers["x-relay-key-id"]


@pytest.mark.parametrize("ended", ["no window", "revoked"])
def test_a_key_that_is_not_valid_any_more_signs_nothing(app: Flask, sink: Sink, ended: str) -> None:
    slug, first, number = connect(app, sink)
    with app.app_context():
        source = source_settings.find_source(slug)
        old = source.keys[0].key_id
        window = timedelta(0) if ended == "no window" else timedelta(hours=1)
        _, second = keys.rotate_key(source, COMMAND_LINE, window=window)
        if ended == "revoked":
            keys.revoke_key(old, COMMAND_LINE)
    put(app, slug, comment())
    move(app, number)
    (seen,) = sink.requests
    assert signed_with(seen, second) and not signed_with(seen, first)


def test_a_site_without_a_key_is_a_dead_letter_that_says_so(app: Flask, sink: Sink) -> None:
    slug, _, number = connect(app, sink)
    put(app, slug, comment())
    with app.app_context():
        keys.revoke_key(source_settings.find_source(slug).keys[0].key_id, COMMAND_LINE)
    move(app, number)
    with app.app_context():
        dead_letter = db.session.query(DeadLetter).one()
        assert dead_letter.code == "no_site_key" and "signing key" in dead_letter.sentence
    assert not sink.requests


def test_a_persons_test_goes_to_a_real_site(app: Flask, sink: Sink) -> None:
    _, secret, number = connect(app, sink)
    with app.app_context():
        result = destination_settings.send_test(number, COMMAND_LINE)
        assert result.ok, result.sentence
        assert secret not in str(result.request)
    (seen,) = sink.requests
    assert signed_with(seen, secret) and seen.json()["test"] is True


def test_a_message_links_to_its_event_in_relay(app: Flask, slack: FakeSlack) -> None:
    config = app.extensions["relay_config"]
    app.extensions["relay_config"] = replace(config, public_url="https://relay.example.com")
    with app.app_context():
        source, _, _ = source_settings.create_source(
            "Shop", "https://shop.example.com", COMMAND_LINE
        )
        slug = source.slug
        settings = {"webhook_url": slack.webhook_url}
        number = destination_settings.create_destination("slack", "Team", settings, COMMAND_LINE).id
    event = comment()
    put(app, slug, event)
    move(app, number)
    page = f"https://relay.example.com/events/{event['event_id']}"
    assert f"<{page}|Event in Relay>" in texts_in(slack.messages[0])[-1]


def test_deliveries_use_the_proxy_and_the_authorities_of_the_operator(
    app: Flask, tmp_path: Path
) -> None:
    authority, proxy = Authority(tmp_path), ConnectProxy(login="relay:secret")
    server = Sink(authority.server("127.0.0.1"))
    app.extensions["relay_config"] = replace(
        app.extensions["relay_config"], ca_file=str(authority.path), outbound_proxy=proxy.url
    )
    app.extensions.pop("relay_transport", None)
    shop = open_shop(app, server)
    shop.put()
    shop.drain()
    assert delivery_states(shop.app) == {"delivered": 1}
    assert proxy.asked == [f"127.0.0.1:{server.port}"] and proxy.faults == []
    server.close()
    proxy.close()


def test_a_number_of_an_event_or_an_ai_answer_reaches_a_mapping_with_its_digits() -> None:
    body = '{"event": "x.a", "event_id": "e", "data": {"price": 0.10, "big": 999999999999999.99}}'
    one = message_of(parse_payload(body), datetime.now(UTC), "Shop", "https://a.example", "k" * 32)
    scope = scope_of(replace(one, ai={"score": 1e-05, "label": "tea"}))
    text = "{{ data.price }} {{ data.big }} {{ ai.score }} {{ ai.label }}"
    assert render(text, scope) == "0.10 999999999999999.99 0.00001 tea"


def test_a_mail_gets_the_person_of_its_event_and_other_kinds_do_not() -> None:
    received = datetime(2026, 3, 1, tzinfo=UTC)
    one = message_of(order(), received, "Shop", "https://shop.example.com", "key")
    person = ("Jane Example", "jane@example.com")
    assert apply_mapping(KINDS["email"], {}, one).person == person
    assert apply_mapping(KINDS["slack"], {}, one).person == ("", "")
