"""The only file that opens a stored secret.

Secrets are sealed with Fernet (AES-128-CBC and HMAC-SHA256); the newest key seals, all keys open.
Instead of a secret, a reference may be stored: ``env:NAME``, ``file:/path``, ``vault:mount/path#field``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import requests
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import current_app

from relay.errors import SecretUnreadable, VaultUnavailable

OWN_SETTINGS = re.compile(r"(RELAY_.*|SECRET_KEY|DATABASE_URL|REDIS_URL|VAULT_.*)(_FILE)?")
FORBIDDEN_FOLDERS = ("/proc", "/sys", "/dev")
VAULT_REASONS = {403: "refuses VAULT_TOKEN for", 404: "has no secret at"}


class SecretBox:
    """Seals and opens secrets with the encryption keys of this process."""

    def __init__(self, keys: tuple[str, ...], data_dir: Path):
        self.fernet = MultiFernet([Fernet(key) for key in keys])
        self.data_dir = data_dir.resolve()

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
        """The secret itself, or the value that a reference points to.  Raises SecretUnreadable."""
        scheme, _, rest = value.partition(":")
        if scheme == "env" and rest:
            return self._from_env(rest)
        if scheme == "file" and rest.startswith("/"):
            return self._from_file(Path(rest))
        if scheme == "vault" and rest:
            return read_vault(rest)
        return value

    def _from_env(self, name: str) -> str:
        if OWN_SETTINGS.fullmatch(name):
            raise SecretUnreadable(
                f"{name} is a setting of Relay itself and is never sent anywhere."
            )
        found = os.environ.get(name)
        if not found:
            raise SecretUnreadable(
                f"The secret refers to {name}, which is not set where Relay runs."
            )
        return found

    def _from_file(self, path: Path) -> str:
        real = path.resolve()
        ours = real.is_relative_to(self.data_dir)
        if ours or str(real).startswith(FORBIDDEN_FOLDERS):
            raise SecretUnreadable(
                f"{path} belongs to Relay or the system and is never sent anywhere."
            )
        try:
            return real.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            raise SecretUnreadable(f"The secret refers to {path}, which cannot be read.") from exc


def read_vault(reference: str) -> str:
    """``mount/path#field`` of a HashiCorp Vault, key-value version 2 (its HTTP API, ``/v1/mount/data/path``).

    VAULT_ADDR and VAULT_TOKEN are read from the environment.  Raises SecretUnreadable, and
    VaultUnavailable if none of its secrets can be read.
    """
    where, _, name = reference.partition("#")
    mount, _, path = where.partition("/")
    address, token = os.environ.get("VAULT_ADDR"), os.environ.get("VAULT_TOKEN")
    if not (address and token and path and name):
        raise SecretUnreadable(
            "A vault reference needs VAULT_ADDR and VAULT_TOKEN, and the form vault:mount/path#field."
        )
    shown = f"The vault at {without_login(address)}"
    try:
        answer = requests.get(
            f"{address.rstrip('/')}/v1/{mount}/data/{path}",
            headers={"X-Vault-Token": token},
            timeout=5,
            allow_redirects=False,
        )
    except (requests.RequestException, ValueError) as exc:
        kind = "timeout" if isinstance(exc, requests.Timeout) else type(exc).__name__
        raise VaultUnavailable(f"{shown} does not answer ({kind}).") from exc
    if answer.status_code >= 500:
        is_sealed = " It is sealed, or starts." if answer.status_code == 503 else ""
        raise VaultUnavailable(f"{shown} answers {answer.status_code}.{is_sealed}")
    if answer.status_code != 200:
        reason = VAULT_REASONS.get(answer.status_code, f"answers {answer.status_code} for")
        raise SecretUnreadable(f"{shown} {reason} {where}. Check VAULT_TOKEN and the path.")
    try:
        return str(answer.json()["data"]["data"][name])
    except (ValueError, KeyError, TypeError) as exc:
        raise SecretUnreadable(f"{shown} has no field {name} at {where}. Check the name.") from exc


def without_login(url: str) -> str:
    """``url`` without a user and password."""
    scheme, _, rest = url.rstrip("/").rpartition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if scheme else rest.rpartition("@")[2]


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
    if re.match(r"(env|file|vault):", value):
        return value
    return "••••" + (value[-4:] if len(value) >= 12 else "")
