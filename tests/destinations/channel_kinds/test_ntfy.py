"""ntfy: what is sent, and what its errors mean."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest

from relay.destinations.base import Message
from relay.destinations.channel_kinds import CHANNEL_KINDS
from relay.destinations.channel_kinds.ntfy import MAX_MESSAGE, cut_bytes
from relay.destinations.loading import load_config
from relay.errors import Invalid
from relay.rules.lifecycle import Accepted, Failed, Refused, Signal
from relay.transport.client import Transport
from tests.support.fake_ntfy import TOKEN, FakeNtfy
from tests.support.sink import Answer

KIND = CHANNEL_KINDS["ntfy"]
LOOPBACK = (ip_network("127.0.0.0/8"),)
MESSAGE = Message(
    event_id="alert-1",
    event_type="alert.opened",
    received_at=datetime(2026, 11, 27, tzinfo=UTC),
    payload={},
    data={},
    site_name="Relay",
    site_url="",
    key="a" * 32,
    attempt_key="b" * 32,
    traceparent="",
    mapped={"title": "Relay: Critical", "text": "Größer <b> & “so”", "priority": 5, "tags": ["x"]},
)


@pytest.fixture
def ntfy() -> Iterator[FakeNtfy]:
    server = FakeNtfy()
    yield server
    server.close()


def send(ntfy: FakeNtfy, message: Message = MESSAGE, **settings: Any) -> Signal:
    transport = Transport(allowed_networks=LOOPBACK)
    config = {"server": ntfy.url, "topic": "my-shop", **settings}
    (result,) = KIND.deliver(config, [message], transport.send)
    transport.close()
    return result.signal


def test_a_message_arrives_with_its_priority_tags_and_link(ntfy: FakeNtfy) -> None:
    mapped = {**MESSAGE.mapped, "click": "https://relay.example.com/alerts/1"}
    assert send(ntfy, dataclasses.replace(MESSAGE, mapped=mapped)) == Accepted()
    assert ntfy.messages == [
        {
            "topic": "my-shop",
            "title": "Relay: Critical",
            "message": "Größer <b> & “so”",
            "priority": 5,
            "tags": ["x"],
            "click": "https://relay.example.com/alerts/1",
        }
    ]
    assert ntfy.requests[0].headers["idempotency-key"] == "a" * 32


def test_a_topic_of_an_account_needs_the_token(ntfy: FakeNtfy) -> None:
    ntfy.private.add("my-shop")
    refused = send(ntfy)
    assert isinstance(refused, Refused) and "access token" in refused.sentence
    wrong = send(ntfy, access_token="tk_wrong")
    assert isinstance(wrong, Refused) and "does not accept the access token" in wrong.sentence
    assert send(ntfy, access_token=TOKEN) == Accepted()


def test_a_test_says_so(ntfy: FakeNtfy) -> None:
    send(ntfy, dataclasses.replace(MESSAGE, is_test=True))
    assert ntfy.messages[0]["title"] == "[TEST] Relay: Critical"


def test_a_long_text_is_cut_within_the_limit_and_between_characters(ntfy: FakeNtfy) -> None:
    for letter in ("a", "ä", "€", "😀"):
        mapped = {**MESSAGE.mapped, "text": letter * 5000}
        assert send(ntfy, dataclasses.replace(MESSAGE, mapped=mapped)) == Accepted()
        sent = ntfy.messages[-1]["message"]
        assert sent.rstrip("…") == letter * (len(sent) - 1)
        assert MAX_MESSAGE - 4 <= len(sent.encode()) <= MAX_MESSAGE
    assert cut_bytes("short", MAX_MESSAGE) == "short"


@pytest.mark.parametrize("topic", ["", "a" * 65, "my shop", "café", "a/b", "a\nb"])
def test_a_topic_that_ntfy_refuses_is_refused_in_the_form(topic: str) -> None:
    with pytest.raises(Invalid):
        load_config(KIND, {"topic": topic or " "}, {})


@pytest.mark.parametrize(
    "server", ["https://ntfy.sh/mine", "https://ntfy.sh?x=1", "http://10.0.0.1"]
)
def test_a_server_with_a_path_or_in_a_private_network_is_refused(server: str) -> None:
    with pytest.raises(Invalid):
        load_config(KIND, {"topic": "a", "server": server}, {})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(400, b'{"code":40009,"http":400,"error":"topic invalid"}'), Refused),
        (Answer(400, b'{"code":40010,"http":400,"error":"disallowed"}'), Refused),
        (Answer(413, b'{"code":41301,"http":413,"error":"too large"}'), Refused),
        (Answer(429, b'{"code":42901,"http":429}', {"Retry-After": "7"}), Failed),
        (Answer(429, b'{"code":42908,"http":429}'), Failed),
        (Answer(500, b'{"code":50001,"http":500}'), Failed),
        (Answer(502, b"<html>bad gateway"), Failed),
        (Answer(400, b"[]"), Refused),
        (Answer(hang_up=True), Failed),
    ],
)
def test_each_documented_error_is_permanent_or_not(
    ntfy: FakeNtfy, answer: Answer, expected: type[Signal]
) -> None:
    ntfy.next(answer)
    signal = send(ntfy)
    assert isinstance(signal, expected) and signal.sentence  # type: ignore[union-attr]


def test_a_reserved_topic_has_a_sentence_of_its_own(ntfy: FakeNtfy) -> None:
    signal = send(ntfy, topic="docs")
    assert isinstance(signal, Refused) and "reserves this name" in signal.sentence
