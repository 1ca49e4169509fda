"""Time windows and signatures.  The plugin computes the same examples: both read one file."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from relay.ingest.signature import VerifyingKey, check_freshness, verify
from tests.support.stack import sign

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


VECTORS = json.loads((Path(__file__).parents[1] / "support/signatures.json").read_text())


def make_key(secret: str = "s" * 40, **changes: Any) -> VerifyingKey:
    values: dict[str, Any] = {
        "row_id": 1,
        "key_id": "key_1",
        "source_id": 1,
        "not_before": NOW,
        "not_after": None,
        "revoked": False,
    }
    return VerifyingKey.prepare(secret, **{**values, **changes})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+1",
        "-1",
        " 1",
        "1 ",
        "1_0",
        "1e3",
        "0x1",
        "1.0",
        "²",
        "١٢٣",
        "nan",
        "inf",
        "1" * 13,
        "1\n",
    ],
)
def test_a_timestamp_is_only_ascii_digits(text: str) -> None:
    assert not check_freshness(text, 1.0, 10**15)


@pytest.mark.parametrize(
    ("off", "fresh"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)]
)
def test_the_window_includes_both_ends(off: int, fresh: bool) -> None:
    assert check_freshness(str(1_000_000 + off), 1_000_000.0, 300) is fresh


def test_every_key_is_tried_and_the_signature_must_match_exactly() -> None:
    raw = b'{"a": "\xff\xfe"}'
    signature = sign("b" * 40, "1000", raw).encode()
    keys = [make_key("a" * 40), make_key("b" * 40, row_id=2)]
    found = verify(keys, "1000", raw, signature)
    assert found is not None and found.row_id == 2
    for wrong in (
        signature + b"=",
        signature[:-1],
        signature.lower(),
        b"",
        "ü".encode(),
        signature + b"\n",
    ):
        assert verify(keys, "1000", raw, wrong) is None
    assert verify(keys, "1001", raw, signature) is None


@pytest.mark.parametrize(
    ("changes", "live"),
    [
        ({}, True),
        ({"not_before": NOW + timedelta(seconds=1)}, False),
        ({"not_after": NOW + timedelta(seconds=1)}, True),
        ({"not_after": NOW}, False),
        ({"revoked": True}, False),
    ],
)
def test_a_key_is_live_within_its_window(changes: dict[str, Any], live: bool) -> None:
    assert make_key(**changes).is_live(NOW) is live


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_gateway_and_the_plugin_compute_the_same_signature(vector: dict[str, Any]) -> None:
    raw = base64.b64decode(vector["body_base64"])
    assert sign(vector["secret"], vector["timestamp"], raw) == vector["signature"]
    key = VerifyingKey.prepare(
        vector["secret"],
        row_id=1,
        key_id="key_1",
        source_id=1,
        not_before=datetime(2026, 1, 1, tzinfo=UTC),
        not_after=None,
        revoked=False,
    )
    assert verify([key], vector["timestamp"], raw, vector["signature"].encode()) is not None
    assert verify([key], vector["timestamp"], raw + b" ", vector["signature"].encode()) is None


def test_a_key_says_why_it_is_not_live() -> None:
    hour = timedelta(hours=1)
    assert make_key(revoked=True).state(NOW) == "revoked"
    assert make_key(not_after=NOW).state(NOW) == "expired"
    assert make_key(not_before=NOW + hour).state(NOW) == "not_valid_yet"
    assert make_key(not_after=NOW + hour).state(NOW) == "live"


def test_a_prepared_key_keeps_what_it_was_made_of() -> None:
    key = make_key(row_id=7, key_id="key_7", source_id=3)
    assert (key.row_id, key.key_id, key.source_id, key.secret) == (7, "key_7", 3, "s" * 40)


def test_text_around_a_secret_makes_another_mac() -> None:
    """What the search for a mistake in a signature tries, such as a space after a pasted secret."""
    key = make_key("abc")
    assert key.mac_of(b"text") == hmac.digest(b"abc", b"text", "sha256")
    assert key.mac_of(b"text", " ") == hmac.digest(b" abc", b"text", "sha256")
    assert key.mac_of(b"text", "", "\n") == hmac.digest(b"abc\n", b"text", "sha256")


def test_a_timestamp_outside_latin_1_is_no_signature() -> None:
    assert not make_key().signs("١", b"{}", b"x")
