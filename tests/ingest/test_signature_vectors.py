"""The gateway and the plugin compute the same signature: both read one file of examples."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from relay.ingest.signature import VerifyingKey, verify
from tests.support.stack import sign

VECTORS = json.loads((Path(__file__).parents[1] / "support/signatures.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_signature_of_the_plugin_is_the_one_that_is_expected(vector: dict[str, Any]) -> None:
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
