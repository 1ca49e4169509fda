"""What holds for every kind, whichever comes."""

from __future__ import annotations

import base64
import ipaddress
import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from relay.dashboard.forms import fields_of
from relay.destinations import KINDS, load_config
from relay.destinations.base import Kind, Message, SiteKey
from relay.destinations.outcomes.http import classify
from relay.destinations.redaction import mask_request, mask_text
from relay.mapping.rules import fill
from relay.mapping.samples import SAMPLES
from relay.rules.lifecycle import Accepted, Failed, Held, Refused
from relay.transport.client import Transport
from relay.transport.request import OutboundRequest, Reply, retry_after_s
from tests.destinations.kinds.test_webhook import message
from tests.support.sink import Answer, Sink

CONFIGS: dict[str, dict[str, Any]] = {
    "inbox": {},
    "webhook": {
        "url": "https://example.com/h?token=query-secret-1",
        "auth": "bearer",
        "token": "bearer-secret-2",
    },
    "openai": {"api_key": "bearer-secret-2", "models": "small-1 0.25 2.00"},
    "email": {
        "to": "team@example.com",
        "sender": "shop@example.com",
        "host": "smtp.example.com",
        "user": "shop",
        "password": "bearer-secret-2",
    },
    "hubspot": {"token": "bearer-secret-2"},
    "wordpress": {},
    "slack": {"webhook_url": "https://hooks.slack.com/services/T0/B0/path-secret-three"},
}
EVERY = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))


def filled(kind: Kind, event_type: str = "lead.created", **changes: Any) -> Message:
    """A message with what the kind's ready-made mapping makes of it."""
    data = SAMPLES[event_type]
    scope = {"event": event_type, "data": data, "site_name": "Shop"}
    mapped = fill(kind.default_mapping(CONFIGS[kind.slug], event_type), scope, kind.escapes_html)
    key = SiteKey("key-1", "path-secret-three")
    return message(event_type=event_type, data=data, mapped=mapped, site_key=key, **changes)


def request_of(kind: Kind, **changes: Any) -> OutboundRequest:
    config, secrets = load_config(kind, CONFIGS[kind.slug], {})
    return kind.build(config | secrets, filled(kind, **changes))


@EVERY
def test_the_form_is_drawn_from_the_schema(kind: Kind) -> None:
    for field in fields_of(kind.schema):
        assert field.label
        assert field.widget in ("text", "url", "textarea", "select", "password", "number")
        if field.widget == "select":
            assert field.choices
    assert kind.name and kind.tagline.endswith(".") and kind.icon
    assert "{name}" in kind.action({}, "order.created")


@EVERY
def test_what_it_does_can_be_said_in_a_sentence(kind: Kind) -> None:
    action = kind.action(CONFIGS[kind.slug], "order.created")
    assert "Team" in action.format(name="Team") and not action.endswith(".")


@EVERY
@pytest.mark.parametrize("event_type", [*SAMPLES, "x.own"])
def test_the_ready_made_mapping_fills_fields_that_there_are(kind: Kind, event_type: str) -> None:
    targets = [one.name for one in kind.targets(CONFIGS[kind.slug], {})]
    assert len(targets) == len(set(targets))
    assert set(kind.default_mapping(CONFIGS[kind.slug], event_type)) <= set(targets)


@EVERY
def test_every_call_says_who_it_is(kind: Kind) -> None:
    headers = {name.lower(): value for name, value in request_of(kind).headers}
    assert headers["x-request-id"] == "a" * 32
    assert headers["x-correlation-id"] == "evt-1"
    assert headers["idempotency-key"] == "d" * 32
    assert headers["traceparent"].startswith("00-")
    assert headers["user-agent"].startswith("Relay/")


@EVERY
def test_the_key_stays_and_the_request_id_changes_between_attempts(kind: Kind) -> None:
    one, two = (dict(request_of(kind, attempt_key=key * 32).headers) for key in "xy")
    assert one["Idempotency-Key"] == two["Idempotency-Key"]
    assert one["X-Request-Id"] != two["X-Request-Id"]


@EVERY
def test_what_is_kept_of_a_call_shows_no_secret(kind: Kind) -> None:
    kept = json.dumps(mask_request(request_of(kind)), ensure_ascii=False)
    for secret in ("query-secret-1", "bearer-secret-2", "path-secret-three"):
        assert secret not in kept


@EVERY
def test_every_status_means_something(kind: Kind) -> None:
    for status in range(200, 600):
        for body in (
            b"ok",
            b"",
            b"{}",
            b"[]",
            b'{"errors": 1, "error": 2, "results": 3}',
            b"\xff\x00",
        ):
            signal = kind.classify(Reply(status=status, body=body))
            assert isinstance(signal, Accepted | Failed | Held | Refused), (status, body)
            if not isinstance(signal, Accepted):
                assert signal.sentence.endswith(".") and signal.code, (status, body)


@EVERY
@pytest.mark.parametrize("answer", [Answer(delay_s=5), Answer(hang_up=True), Answer(502)])
def test_slow_and_broken_services_are_tried_again(kind: Kind, answer: Answer, sink: Sink) -> None:
    request = request_of(kind)
    if not request.url.startswith("https:"):
        return  # it is kept here, or goes by mail, which has its own tests
    sink.answers([answer])
    transport = Transport((ipaddress.ip_network("127.0.0.0/8"),))
    request = replace(request, url=f"{sink.url}/x", timeout_s=0.5)
    signal = kind.classify(kind.send(request, transport))
    assert isinstance(signal, Failed) and signal.sentence.endswith(".")
    assert len(sink.requests) == 1


@EVERY
def test_what_it_would_send_can_be_looked_at_before(kind: Kind) -> None:
    config, secrets = load_config(kind, CONFIGS[kind.slug], {})
    calls = kind.preview_requests(config | secrets, filled(kind))
    assert calls[-1] == kind.build(config | secrets, filled(kind))


@EVERY
def test_a_ready_made_mapping_fills_what_the_kind_offers(kind: Kind) -> None:
    names = {one.name for one in kind.targets({}, {})}
    for event_type in SAMPLES:
        assert set(kind.default_mapping({}, event_type)) <= names


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Accepted),
        (204, Accepted),
        (301, Refused),
        (400, Refused),
        (403, Refused),
        (404, Refused),
        (408, Failed),
        (410, Refused),
        (422, Refused),
        (425, Failed),
        (429, Failed),
        (500, Failed),
        (503, Failed),
    ],
)
def test_http_itself_decides_what_may_pass(status: int, expected: type) -> None:
    assert isinstance(classify(Reply(status=status)), expected)


def test_gone_pauses_the_destination() -> None:
    signal = classify(Reply(status=410))
    assert isinstance(signal, Refused) and signal.pause


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120.0),
        (
            {
                "retry-after": "Sun, 01 Mar 2026 12:01:00 GMT",
                "Date": "Sun, 01 Mar 2026 12:00:00 GMT",
            },
            60.0,
        ),
        ({"Retry-After": "999999999"}, 86400.0),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, 86400.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after_s(Reply(status=503, headers=tuple(headers.items()))) == seconds


@pytest.mark.parametrize(
    "spell", [str, lambda s: base64.b64encode(s.encode()).decode(), lambda s: quote(s, safe="")]
)
def test_an_answer_that_echoes_a_secret_is_masked_in_every_spelling(spell: Any) -> None:
    secret = "s3cr/et+with=signs&more"
    assert spell(secret) not in mask_text(f"you sent {spell(secret)}!", [secret])


def test_a_secret_is_masked_inside_json_too() -> None:
    secret = 'quo"te\\and-ümlaut'
    for body in (json.dumps({"a": secret}), json.dumps({"a": secret}, ensure_ascii=False)):
        assert mask_text(body, [secret]) == '{"a": "••••laut"}'


def test_every_value_in_an_addresss_query_is_masked() -> None:
    request = OutboundRequest("POST", "https://e.example/h?k=ab&token=abcdefghijkl&raw", (), b"")
    assert mask_request(request)["url"] == "https://e.example/h?k=••••&token=••••ijkl&••••"


def test_a_short_value_in_the_query_leaves_the_body_readable() -> None:
    config = {"url": "https://example.com/h?test=true&v=2026", "auth": "none"}
    request = KINDS["webhook"].build(config, filled(KINDS["webhook"], is_test=True))
    assert "••••" not in mask_request(request)["body"]


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://new.example/h?token=query-secret-1", "https://new.example"),
        ("/login?token=query-secret-1", "another page of the same server"),
        ("http://[broken", "another page of the same server"),
        ("", "another page of the same server"),
    ],
)
def test_a_redirect_tells_the_server_and_no_more(location: str, told: str) -> None:
    signal = classify(Reply(status=302, headers=(("Location", location),)))
    assert isinstance(signal, Refused)
    assert f"moved to {told}." in signal.sentence
    assert "query-secret-1" not in signal.sentence
