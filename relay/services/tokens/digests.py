"""API tokens, and the keyed hashes by which Relay finds them.

Each key in RELAY_ENCRYPTION_KEYS gives one key of HMAC-SHA256 for this purpose only, as for e-mail
addresses (``relay.email_digests``).  The newest makes new hashes and all of them are tried, so a token
works through a key rotation; ``checking`` stores the newer hash when the token is used.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
from collections.abc import Sequence

from flask import current_app

PURPOSE = b"relay: API tokens, version 1"
PREFIX = "relay_"
ALPHABET = string.ascii_letters + string.digits  # a double click selects all of it
LENGTH = 43  # 256 bits
SHOWN = len(PREFIX) + 4
LONGEST = 200


def new_token() -> str:
    return PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def hint_of(token: str) -> str:
    """How a token begins, to recognize it in a list."""
    return token[:SHOWN]


def digest(token: str) -> bytes:
    """32 bytes by the newest key."""
    return all_digests(token)[0]


def all_digests(token: str) -> list[bytes]:
    """By every key, the newest first."""
    text = token[:LONGEST].encode("utf-8", "replace")
    return [hmac.digest(key, text, hashlib.sha256) for key in _keys()]


def _keys() -> Sequence[bytes]:
    keys: tuple[str, ...] = current_app.extensions["relay_config"].encryption_keys
    return [hmac.digest(key.encode(), PURPOSE, hashlib.sha256) for key in keys]
