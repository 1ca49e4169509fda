"""WordPress: the callback is signed as the plugin checks it, and only the plugin's own answer counts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import time
from dataclasses import replace
from typing import Any

import pytest

from relay.destinations import KINDS
from relay.destinations.base import Message, SiteKey
from relay.destinations.kinds import wordpress
from relay.destinations.outcomes.known_errors import ErrorAction
from relay.destinations.redaction import mask_request
from relay.errors import Undeliverable
from relay.mapping.rules import fill
from relay.rules.lifecycle import Accepted, Failed, Refused, Signal
from relay.transport.client import Transport
from tests.support.kind_contract import message
from tests.support.sink import Answer, Sink

KIND = KINDS["wordpress"]
SECRET = "site-secret-0123456789-0123456789"


def event(site: str = "https://shop.example.com/blog/", **changes: Any) -> Message:
    one = message(site_url=site, site_key=SiteKey("key-1", SECRET), **changes)
    scope = {"event": one.event_type, "data": one.data}
    return replace(
        one, mapped=fill(KIND.default_mapping({}, one.event_type), scope, KIND.escapes_html)
    )


def send(sink: Sink) -> Signal:
    transport = Transport((ipaddress.ip_network("127.0.0.0/8"),))
    (done,) = KIND.deliver({}, [event(sink.url)], lambda one: KIND.send(one, transport))
    return done.signal


def test_the_callback_is_signed_by_the_contract(sink: Sink) -> None:
    sink.answer(200, {"status": "ok"})
    assert isinstance(send(sink), Accepted)
    (seen,) = sink.requests
    assert seen.method == "POST" and seen.path == "/?rest_route=/relay-connector/v1/callback"
    moment = seen.headers["x-relay-timestamp"]
    assert abs(time.time() - int(moment)) < 60
    assert seen.headers["x-relay-key-id"] == "key-1"
    mac = hmac.new(SECRET.encode(), moment.encode() + b"." + seen.body, hashlib.sha256).digest()
    assert seen.headers["x-relay-signature"] == base64.b64encode(mac).decode()
    assert seen.json() == {
        "event_id": "evt-1",
        "event": "comment.created",
        "delivery": "d" * 32,
        "result": {"id": 318, "note": "Relay has received it."},
    }


def test_a_site_in_a_folder_is_called_there() -> None:
    url = KIND.build({}, event()).url
    assert url == "https://shop.example.com/blog/?rest_route=/relay-connector/v1/callback"


def test_a_persons_test_says_so() -> None:
    assert json.loads(KIND.build({}, event(is_test=True)).body)["test"] is True


def test_the_sites_secret_is_not_shown_and_the_address_is() -> None:
    shown = mask_request(KIND.build({}, event()))
    assert SECRET not in json.dumps(shown) and SECRET not in repr(event())
    assert shown["url"].endswith("?rest_route=/relay-connector/v1/callback")


def test_without_a_key_nothing_is_sent() -> None:
    with pytest.raises(Undeliverable, match="no active signing key"):
        KIND.build({}, replace(event(), site_key=None))


def test_a_private_site_is_not_called() -> None:
    reply = KIND.send(KIND.build({}, event("https://10.0.0.8")), Transport())
    assert reply.error == "blocked_address"


@pytest.mark.parametrize("body", [b"<html>Welcome to my shop</html>", b"", b"ok"])
def test_the_sites_front_page_is_not_the_plugin(sink: Sink, body: bytes) -> None:
    sink.answer(200, body)
    signal = send(sink)
    assert isinstance(signal, Refused) and not signal.pause
    assert signal.code == "not_the_plugin"


@pytest.mark.parametrize("word", wordpress.ERRORS)
def test_every_word_of_the_site_says_what_to_do(sink: Sink, word: str) -> None:
    sink.answer(404 if word == "rest_no_route" else 401, {"code": word, "message": "x"})
    signal = send(sink)
    assert isinstance(signal, Refused) and signal.sentence == wordpress.ERRORS[word].sentence


@pytest.mark.parametrize("status", wordpress.STATUSES)
def test_every_refusal_is_final_and_never_holds_up_other_sites(sink: Sink, status: int) -> None:
    sink.answer(status, b"<html>no</html>")
    signal = send(sink)
    known = wordpress.STATUSES[status]
    assert known.verdict is ErrorAction.FIX
    assert isinstance(signal, Refused) and not signal.pause
    assert (signal.code, signal.sentence) == (known.code, known.sentence)


@pytest.mark.parametrize("trouble", [Answer(503), Answer(hang_up=True), Answer(429)])
def test_trouble_of_the_site_is_tried_again(sink: Sink, trouble: Answer) -> None:
    sink.answers([trouble])
    assert isinstance(send(sink), Failed)
