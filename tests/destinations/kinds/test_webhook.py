"""Webhook: what it sends and how the receiver can tell that it is us."""

from __future__ import annotations

import base64
import json

import pytest
from standardwebhooks import Webhook

from relay.destinations import KINDS, load_config
from relay.errors import Invalid
from relay.event_types import SAMPLES
from relay.transport.request import OutboundRequest
from tests.support.kind_contract import message

KIND = KINDS["webhook"]
SECRET = "whsec_" + base64.b64encode(b"a" * 32).decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"b" * 32).decode()


def build(**values: str) -> OutboundRequest:
    config, secrets = load_config(KIND, {"url": "https://example.com/hook", **values}, {})
    return KIND.build(config | secrets, message())


def test_the_signature_verifies_with_the_reference_library() -> None:
    request = build(signing_secret=SECRET)
    assert json.loads(request.body) == Webhook(SECRET).verify(request.body, dict(request.headers))


def test_while_a_secret_is_changed_both_verify() -> None:
    request = build(signing_secret=f"{SECRET} {OLD_SECRET}")
    for secret in (SECRET, OLD_SECRET):
        Webhook(secret).verify(request.body, dict(request.headers))


def test_the_webhook_id_is_the_delivery_and_holds_no_dot() -> None:
    headers = dict(build(signing_secret=SECRET).headers)
    assert headers["webhook-id"] == headers["Idempotency-Key"] == "d" * 32
    assert "." not in headers["webhook-id"]


@pytest.mark.parametrize(
    ("values", "header"),
    [
        ({"auth": "bearer", "token": "tok-123"}, ("Authorization", "Bearer tok-123")),
        ({"auth": "basic", "user": "u", "password": "p"}, ("Authorization", "Basic dTpw")),
        ({"auth": "headers", "own_headers": "X-Api-Key: k-1\nX-Two: b"}, ("X-Api-Key", "k-1")),
    ],
)
def test_other_ways_to_prove_who_calls(values: dict[str, str], header: tuple[str, str]) -> None:
    assert header in build(**values).headers


def test_the_body_is_the_same_on_every_attempt_and_keeps_every_script() -> None:
    first = KIND.build({"url": "https://example.com/", "auth": "none"}, message())
    again = KIND.build(
        {"url": "https://example.com/", "auth": "none"}, message(attempt_key="b" * 32)
    )
    assert first.body == again.body
    assert json.loads(first.body)["data"] == SAMPLES["comment.created"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": "http://example.com/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"auth": "signature"}, "signing_secret"),
        ({"auth": "signature", "signing_secret": "hello"}, "signing_secret"),
        ({"auth": "bearer"}, "token"),
        ({"auth": "headers", "own_headers": "nonsense"}, "own_headers"),
        ({"auth": "magic"}, "auth"),
        ({"auth": "none", "colour": "red"}, "colour"),
    ],
)
def test_a_wrong_setting_is_named(values: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        load_config(KIND, {"url": "https://example.com/", "auth": "none", **values}, {})
    assert list(refused.value.reasons) == [field]


def test_an_empty_or_masked_secret_keeps_the_old_one() -> None:
    for typed in ("", "••••abcd"):
        _, secrets = load_config(
            KIND,
            {"url": "https://example.com/", "signing_secret": typed},
            {"signing_secret": SECRET},
        )
        assert secrets == {"signing_secret": SECRET}
