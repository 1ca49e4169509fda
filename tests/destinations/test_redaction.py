"""Secrets are masked in all their encoded forms."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest

from relay.destinations import KINDS
from relay.destinations.redaction import mask_request, mask_text
from relay.transport.request import OutboundRequest
from tests.support.kind_contract import (
    mapped_message,
)


@pytest.mark.parametrize(
    "spell", [str, lambda s: base64.b64encode(s.encode()).decode(), lambda s: quote(s, safe="")]
)
def test_a_response_that_echoes_a_secret_is_masked_in_every_encoded_form(spell: Any) -> None:
    secret = "s3cr/et+with=signs&more"
    assert spell(secret) not in mask_text(f"you sent {spell(secret)}!", [secret])


def test_a_secret_within_json_is_masked() -> None:
    secret = 'quo"te\\and-ümlaut'
    for body in (json.dumps({"a": secret}), json.dumps({"a": secret}, ensure_ascii=False)):
        assert mask_text(body, [secret]) == '{"a": "••••laut"}'


def test_every_value_in_the_query_of_a_url_is_masked() -> None:
    request = OutboundRequest("POST", "https://e.example/h?k=ab&token=abcdefghijkl&raw", (), b"")
    assert mask_request(request)["url"] == "https://e.example/h?k=••••&token=••••ijkl&••••"


def test_a_short_value_in_the_query_leaves_the_body_readable() -> None:
    config = {"url": "https://example.com/h?test=true&v=2026", "auth": "none"}
    request = KINDS["webhook"].build(config, mapped_message(KINDS["webhook"], is_test=True))
    assert "••••" not in mask_request(request)["body"]
