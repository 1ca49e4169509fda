"""The only file that opens a stored secret.

Secrets are sealed with Fernet (AES-128-CBC and HMAC-SHA256); the newest key seals, all keys open.
Instead of a secret, a reference may be stored: ``env:NAME``, ``file:/path``, ``vault:mount/path#field``.
"""

from __future__ import annotations

# i18n: keep file - a delivery that waits, or failed, stores the reason, and workers share it
import json
import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import current_app

from relay.errors import SecretUnreadable
from relay.secrets.references import AllowList, is_reference
from relay.secrets.vault import Vault


class SecretBox:
    """Seals and opens secrets with the encryption keys of this process."""

    def __init__(self, keys: tuple[str, ...], allowed: AllowList, ca_file: str | None = None):
        self.fernet = MultiFernet([Fernet(key) for key in keys])
        self.allowed, self.vault = allowed, Vault(ca_file)

    def seal(self, value: str) -> str:
        return self.fernet.encrypt(value.encode()).decode()

    def open_sealed(self, sealed: str) -> str:
        """Raises SecretUnreadable if none of the encryption keys opens it."""
        try:
            return self.fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as exc:
            raise SecretUnreadable(
                "A stored secret cannot be decrypted with the keys in RELAY_ENCRYPTION_KEYS. "
                "Restore the key that encrypted it, or enter the secret again."
            ) from exc

    def rotate(self, sealed: str) -> str:
        """The same secret, sealed with the newest key."""
        try:
            return self.fernet.rotate(sealed.encode()).decode()
        except InvalidToken as exc:
            raise SecretUnreadable(
                "A stored secret cannot be decrypted, so it was not rotated."
            ) from exc

    def resolve(self, value: str) -> str:
        """The secret itself, or the value that a reference points to.

        Raises SecretUnreadable, and VaultUnavailable if that passes without a change of the secret.
        """
        scheme, _, rest = value.partition(":")
        if scheme == "env" and rest:
            return self.allowed.read_env(rest, os.environ)
        if scheme == "file" and rest:
            return self.allowed.read_file(Path(rest), os.environ)
        if scheme == "vault" and rest:
            return self.vault.read(rest)
        return value


def box() -> SecretBox:
    found: SecretBox = current_app.extensions["relay_secrets"]
    return found


def seal(values: Mapping[str, str]) -> str:
    """Seal the secrets of one object together; an empty text for none."""
    return box().seal(json.dumps(dict(values))) if values else ""


def open_sealed(sealed: str) -> dict[str, str]:
    """The secrets that ``seal`` sealed; references are not followed.  Raises SecretUnreadable."""
    return json.loads(box().open_sealed(sealed)) if sealed else {}


def resolve_all(values: Mapping[str, str]) -> dict[str, str]:
    """The same names with references followed.  Raises SecretUnreadable."""
    return {name: box().resolve(value) for name, value in values.items()}


def mask(value: str) -> str:
    """How a secret is shown: a reference in full, a long secret by its last four characters."""
    if is_reference(value):
        return value
    return "••••" + (value[-4:] if len(value) >= 12 else "")
