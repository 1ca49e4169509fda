"""The encryption of a new key.  The plugin decrypts the same examples: both read one file."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from relay.ingest.keys import handover

VECTORS = json.loads(
    (Path(__file__).parents[2] / "vectors" / "key-handover.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_gateway_seals_keys_as_the_plugin_expects(vector: dict[str, str]) -> None:
    sealed = handover.seal(
        vector["old_secret"],
        vector["question_id"],
        vector["key_id"],
        vector["secret"],
        base64.b64decode(vector["salt"]),
        base64.b64decode(vector["nonce"]),
    )
    assert sealed == {name: vector[name] for name in ("salt", "nonce", "sealed")}
