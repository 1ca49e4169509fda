"""Keyed hashes of e-mail addresses, so that an exact address finds its events where it is not stored.

Each key in RELAY_ENCRYPTION_KEYS gives one key of HMAC-SHA256 for this purpose only.  The newest one
makes new hashes and all of them are tried in a search, as with encrypted secrets.  Nothing can make
the hashes again with a new key, because the addresses are not stored: a hash is found for as long as the
key it was made with is in RELAY_ENCRYPTION_KEYS.  Without the key, a hash says nothing about an
address, not even by trying a list of addresses.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

PURPOSE = b"relay: look-up of events by e-mail address, version 1"


class EmailDigests:
    """``keys`` are the encryption keys, newest first."""

    def __init__(self, keys: Sequence[str]):
        self.keys = tuple(hmac.digest(key.encode(), PURPOSE, hashlib.sha256) for key in keys)

    def digest(self, email: str) -> bytes:
        """32 bytes by the newest key; case and surrounding spaces make no difference."""
        return _digest(self.keys[0], email)

    def all_digests(self, email: str) -> list[bytes]:
        """By every key, the newest first."""
        return [_digest(key, email) for key in self.keys]


def _digest(key: bytes, email: str) -> bytes:
    return hmac.digest(key, email.strip().lower().encode(), hashlib.sha256)
