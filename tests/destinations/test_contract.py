"""Every kind keeps the contract of kinds; what HTTP itself says, and what is masked."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from relay.destinations import KINDS
from relay.destinations.base import Kind
from relay.destinations.outcomes.http import classify
from relay.destinations.redaction import mask_request, mask_text
from relay.rules.lifecycle import Accepted, Failed, Refused
from relay.transport.request import OutboundRequest, Reply, retry_after_s
from tests.support.kind_contract import (
    BROKEN,
    CHECKS,
    check_a_broken_service_is_retried,
    mapped_message,
)
from tests.support.sink import Answer, Sink

EVERY_KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))


@EVERY_KIND
@pytest.mark.parametrize("check", CHECKS, ids=[check.__name__ for check in CHECKS])
def test_every_kind_keeps_the_contract(kind: Kind, check: Callable[[Kind], None]) -> None:
    check(kind)


@EVERY_KIND
@pytest.mark.parametrize("answer", BROKEN)
def test_slow_and_broken_services_are_tried_again(kind: Kind, answer: Answer, sink: Sink) -> None:
    check_a_broken_service_is_retried(kind, answer, sink)


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
    request = KINDS["webhook"].build(config, mapped_message(KINDS["webhook"], is_test=True))
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
