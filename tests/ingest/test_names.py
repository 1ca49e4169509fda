"""What a refusal quotes of a body: names of fields, never what may be personal or secret."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relay.ingest import schemas, strict_json
from relay.ingest.names import shown_name


@pytest.mark.parametrize(
    "name", ["total", 12345, "billing_address_2", "line-items", "item12", "a" * 20]
)
def test_a_plain_name_is_shown(name: object) -> None:
    assert shown_name(name) == str(name)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("jane@example.com", "ja… (16 characters)"),
        ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "sk… (32 characters)"),
        ("+43 664 1234567", "+4… (15 characters)"),
        ("Jane Doe", "Ja… (8 characters)"),
        ("4111111111111111", "41… (16 characters)"),
        ("a" * 21, "aa… (21 characters)"),
        ("a_b_c_d_e_f_g", "a_… (13 characters)"),
        ("ab_1234567", "ab… (10 characters)"),
        ("\n\u202e", "… (2 characters)"),
        ("", "… (0 characters)"),
    ],
)
def test_of_any_other_only_the_start_and_the_length(name: str, shown: str) -> None:
    assert shown_name(name) == shown


@pytest.mark.parametrize("secret", ["jane@example.com", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"])
def test_no_refusal_quotes_a_key_of_the_body(secret: str) -> None:
    with pytest.raises(strict_json.NotStrict) as twice:
        strict_json.loads(f'{{"{secret}": 1, "{secret}": 2}}'.encode())
    assert "appears twice" in str(twice.value) and secret not in str(twice.value)
    body: dict[str, Any] = {
        "event": "lead.created",
        "event_id": "e1",
        "site": "https://shop.example.com",
        "data": {"fields": {secret: {"a": 1}, secret.upper(): {"a": 1}}, secret: []},
    }
    with pytest.raises(schemas.InvalidEvent) as invalid:
        schemas.load_event(body, json.dumps(body).encode(), "e1")
    assert secret not in str(invalid.value).lower()
    assert secret not in json.dumps(invalid.value.reasons).lower()
