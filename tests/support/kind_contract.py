"""The contract of every kind of destination: one check per promise, for any kind.

A check takes a kind and fails with an AssertionError.  The settings are the kind's own example.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from relay.dashboard.forms import fields_of
from relay.delivery.message import fill_text
from relay.destinations.base import Kind, Message, SiteKey
from relay.destinations.loading import load_config
from relay.destinations.redaction import mask_request
from relay.event_types import SAMPLES
from relay.mapping.checks import invalid_rules
from relay.mapping.computed import stored
from relay.mapping.rules import fill
from relay.rules.lifecycle import Accepted, Failed, Held, Refused
from relay.transport.client import Transport
from relay.transport.request import OutboundRequest, Reply
from tests.support.sink import Answer, Sink

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
SITE_KEY = SiteKey("key-1", "example-site-secret")
BROKEN = (Answer(delay_s=5), Answer(hang_up=True), Answer(502))
WIDGETS = {"text", "url", "textarea", "headers", "select", "password", "number", "checkbox"}


def example_settings(kind: Kind) -> dict[str, Any]:
    """The example settings of a kind, as ``build`` gets them: checked, with defaults and secrets."""
    config, secrets = load_config(kind, {**kind.example_config, **kind.example_secrets}, {})
    return config | secrets


def message(**changes: Any) -> Message:
    """A comment from the site "Shop"; ``changes`` replace attributes."""
    data = changes.get("data", SAMPLES["comment.created"])
    event_type = changes.get("event_type", "comment.created")
    values: dict[str, Any] = {
        "event_id": "evt-1",
        "event_type": event_type,
        "received_at": datetime(2026, 3, 1, tzinfo=UTC),
        "payload": {
            "event": event_type,
            "event_id": "evt-1",
            "site": "https://shop.example.com",
            "data": data,
        },
        "data": data,
        "site_name": "Shop",
        "site_url": "https://shop.example.com",
        "key": "d" * 32,
        "attempt_key": "a" * 32,
        "traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01",
    }
    return Message(**{**values, **changes})


def mapped_message(kind: Kind, event_type: str = "lead.created", **changes: Any) -> Message:
    """A message of that type, filled by the kind's default mapping."""
    data = SAMPLES.get(event_type, {"answer": 42})
    scope = {"event": event_type, "data": data, "site_name": "Shop"}
    rules = kind.default_mapping(example_settings(kind), event_type)
    mapped = fill(rules, scope, kind.escapes_html)
    wanted = kind.setting_texts(example_settings(kind))
    texts = {text.setting: fill_text(text, scope) for text in wanted}
    filled = {"mapped": mapped, "texts": texts, "site_key": SITE_KEY}
    return message(event_type=event_type, data=data, **filled, **changes)


def request_of(kind: Kind, **changes: Any) -> OutboundRequest:
    return kind.build(example_settings(kind), mapped_message(kind, **changes))


def check_form_is_complete(kind: Kind) -> None:
    assert kind.name and kind.tagline.endswith(".") and kind.icon
    for field in fields_of(kind.schema):
        assert field.label, field.name
        assert field.widget in WIDGETS, field.name
        assert field.choices or field.widget != "select", field.name


def check_examples_are_sorted_into_open_and_secret(kind: Kind) -> None:
    secret = {field.name for field in fields_of(kind.schema) if field.secret}
    assert set(kind.example_secrets) <= secret
    assert not set(kind.example_config) & secret


def check_action_reads_as_part_of_a_sentence(kind: Kind) -> None:
    for event_type in SAMPLES:
        action = kind.action(example_settings(kind), event_type)
        assert "Team" in action.format(name="Team") and not action.endswith(".")


def check_default_mapping_fills_known_targets(kind: Kind) -> None:
    for config in ({}, example_settings(kind)):
        targets = [target.name for target in kind.targets(config, {})]
        assert len(targets) == len(set(targets))
        for event_type in (*SAMPLES, "x.custom"):
            assert set(kind.default_mapping(config, event_type)) <= set(targets), event_type


def check_default_mapping_can_be_saved_and_has_no_code(kind: Kind) -> None:
    """A shop owner sees names of values, never Liquid, and every rule passes the checks of a save."""
    for event_type in (*SAMPLES, "x.order.refunded", "x.custom"):
        rules = stored(kind.default_mapping({}, event_type))
        assert invalid_rules(rules, event_type) == {}
        assert "{{" not in str(rules) and "{%" not in str(rules), event_type


def check_request_carries_the_common_headers(kind: Kind) -> None:
    headers = {name.lower(): value for name, value in request_of(kind).headers}
    assert headers["x-request-id"] == "a" * 32
    assert headers["x-correlation-id"] == "evt-1"
    assert headers["idempotency-key"] == "d" * 32
    assert headers["traceparent"].startswith("00-")
    assert headers["user-agent"].startswith("Relay/")


def check_idempotency_key_is_the_same_on_every_attempt(kind: Kind) -> None:
    first, second = (dict(request_of(kind, attempt_key=key * 32).headers) for key in "xy")
    assert first["Idempotency-Key"] == second["Idempotency-Key"]
    assert first["X-Request-Id"] != second["X-Request-Id"]


def check_stored_request_shows_no_secret(kind: Kind) -> None:
    stored = json.dumps(mask_request(request_of(kind)), ensure_ascii=False)
    for name, secret in {**kind.example_secrets, "site_key": SITE_KEY.secret}.items():
        assert secret not in stored, name


def check_every_reply_becomes_a_signal(kind: Kind) -> None:
    bodies = (b"ok", b"", b"{}", b"[]", b'{"errors": 1, "error": 2, "results": 3}', b"\xff\x00")
    for status in range(200, 600):
        for body in bodies:
            signal = kind.classify(Reply(status=status, body=body))
            assert isinstance(signal, Accepted | Failed | Held | Refused), (status, body)
            if not isinstance(signal, Accepted):
                assert signal.sentence.endswith(".") and signal.code, (status, body)


def check_preview_ends_with_the_request(kind: Kind) -> None:
    config, example = example_settings(kind), mapped_message(kind)
    assert kind.preview_requests(config, example)[-1] == kind.build(config, example)


CHECKS: tuple[Callable[[Kind], None], ...] = (
    check_form_is_complete,
    check_examples_are_sorted_into_open_and_secret,
    check_action_reads_as_part_of_a_sentence,
    check_default_mapping_fills_known_targets,
    check_default_mapping_can_be_saved_and_has_no_code,
    check_request_carries_the_common_headers,
    check_idempotency_key_is_the_same_on_every_attempt,
    check_stored_request_shows_no_secret,
    check_every_reply_becomes_a_signal,
    check_preview_ends_with_the_request,
)


def check_a_broken_service_is_retried(kind: Kind, answer: Answer, sink: Sink) -> None:
    """Only for a kind that calls an HTTPS address."""
    request = request_of(kind)
    if not request.url.startswith("https:"):
        return
    sink.answers([answer])
    request = replace(request, url=f"{sink.url}/x", timeout_s=0.5)
    signal = kind.classify(kind.send(request, Transport(LOOPBACK)))
    assert isinstance(signal, Failed) and signal.sentence.endswith(".")
    assert len(sink.requests) == 1
