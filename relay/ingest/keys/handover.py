"""Encrypts a new signing key for the site that has the old one.

AES-256-GCM, with a key that HKDF-SHA256 derives from the old secret.  The id of the key request is
authenticated too, so a recorded response does not open for another request.  The plugin decrypts it.
"""

from __future__ import annotations

import base64
import json
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PURPOSE = b"relay key handover 1"
SALT_BYTES, NONCE_BYTES, KEY_BYTES = 16, 12, 32


def seal(
    old_secret: str,
    request_id: str,
    key_id: str,
    secret: str,
    salt: bytes | None = None,
    nonce: bytes | None = None,
) -> dict[str, str]:
    """-> ``salt``, ``nonce`` and ``sealed`` (ciphertext and tag), each as base64.

    ``salt`` and ``nonce`` are random unless given.
    """
    salt = os.urandom(SALT_BYTES) if salt is None else salt
    nonce = os.urandom(NONCE_BYTES) if nonce is None else nonce
    key = HKDF(SHA256(), KEY_BYTES, salt, PURPOSE).derive(old_secret.encode())
    plain = json.dumps({"key_id": key_id, "secret": secret}).encode()
    sealed = AESGCM(key).encrypt(nonce, plain, request_id.encode())
    parts = {"salt": salt, "nonce": nonce, "sealed": sealed}
    return {name: base64.b64encode(part).decode() for name, part in parts.items()}
