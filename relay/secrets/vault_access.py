"""How a vault is reached: its settings, one call, and the token of a process.

Works with HashiCorp Vault and OpenBao, over their HTTP API.
"""

from __future__ import annotations

# i18n: keep file - a delivery that waits, or failed, stores the reason, and workers share it
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relay.errors import VaultUnavailable

TIMEOUT_S = (3.05, 5.0)  # to connect, and between two parts of the answer
RENEW_AFTER = 2 / 3  # of a token's time
PRINTABLE = re.compile(r"[\x21-\x7e]+")


class VaultTokenRefused(Exception):
    """The vault does not know the token: it is wrong, has expired or was revoked."""


@dataclass(frozen=True)
class VaultSettings:
    """The settings of the vault, named as its own command line names them.

    With ``role_id`` Relay signs in by AppRole, else it uses the token in ``token_file`` or ``token``.
    """

    address: str
    namespace: str = ""
    token: str = field(default="", repr=False)
    token_file: str = ""
    role_id: str = field(default="", repr=False)
    secret_id: str = field(default="", repr=False)
    secret_id_file: str = ""
    ca_file: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str], ca_file: str | None = None) -> VaultSettings:
        """Raises VaultUnavailable if VAULT_ADDR is missing or wrong."""

        def text(name: str) -> str:
            return env.get(name, "").strip()

        address = text("VAULT_ADDR").rstrip("/")
        if not re.match(r"https?://[^/]", address):
            raise VaultUnavailable(
                "A vault reference needs VAULT_ADDR, such as https://vault.example.com:8200, in the "
                "environment of every process of Relay."
            )
        return cls(
            address,
            text("VAULT_NAMESPACE"),
            text("VAULT_TOKEN"),
            text("VAULT_TOKEN_FILE"),
            text("VAULT_ROLE_ID"),
            text("VAULT_SECRET_ID"),
            text("VAULT_SECRET_ID_FILE"),
            text("VAULT_CACERT") or ca_file or "",
        )

    @property
    def shown(self) -> str:
        return f"The vault at {without_login(self.address)}"

    @property
    def credentials(self) -> str:
        """The names of the settings that the token comes from."""
        if self.role_id:
            return "VAULT_ROLE_ID and VAULT_SECRET_ID"
        return "VAULT_TOKEN_FILE" if self.token_file else "VAULT_TOKEN"


def without_login(url: str) -> str:
    """``url`` without a user and password."""
    scheme, mark, rest = url.rstrip("/").partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if mark else scheme.rpartition("@")[2]


@dataclass(frozen=True)
class VaultAnswer:
    """``body`` is the JSON object of the answer, empty if it has none."""

    status: int
    body: Mapping[str, Any] = field(repr=False)

    @property
    def data(self) -> Mapping[str, Any]:
        found = self.body.get("data")
        return found if isinstance(found, dict) else {}

    @property
    def error(self) -> str:
        errors = self.body.get("errors")
        return str(errors[0])[:200] if isinstance(errors, list) and errors else ""


def call(
    settings: VaultSettings, method: str, path: str, token: str = "", body: Any = None
) -> VaultAnswer:
    """One call.  Raises VaultUnavailable if the vault cannot answer at the moment."""
    import requests  # here, because few processes call a vault

    headers = {"X-Vault-Request": "true"}
    headers |= {"X-Vault-Token": token} if token else {}
    headers |= {"X-Vault-Namespace": settings.namespace} if settings.namespace else {}
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy and no password file of the environment
            answer = session.request(
                method,
                f"{settings.address}/v1/{path}",
                headers=headers,
                json=body,
                timeout=TIMEOUT_S,
                allow_redirects=False,
                verify=settings.ca_file or True,
            )
    except requests.exceptions.SSLError as exc:
        raise VaultUnavailable(
            f"{settings.shown} has a certificate that Relay does not trust. Set VAULT_CACERT to the "
            "certificate of the authority that it comes from."
        ) from exc
    except requests.Timeout as exc:
        raise VaultUnavailable(f"{settings.shown} does not answer (timeout).") from exc
    except requests.ConnectionError as exc:
        raise VaultUnavailable(f"{settings.shown} does not answer (no connection).") from exc
    except (requests.RequestException, OSError, ValueError) as exc:
        raise VaultUnavailable(
            f"{settings.shown} cannot be called ({type(exc).__name__}). Check VAULT_ADDR and "
            "VAULT_CACERT."
        ) from exc
    try:
        found = answer.json()
    except ValueError:
        found = {}
    result = VaultAnswer(answer.status_code, found if isinstance(found, dict) else {})
    if result.status == 503 and "sealed" in result.error.lower():
        raise VaultUnavailable(f"{settings.shown} is sealed. Unseal it.")
    if result.status >= 500 or result.status in (412, 429) or 300 <= result.status < 400:
        raise VaultUnavailable(f"{settings.shown} answers {result.status}.")
    return result


@dataclass
class VaultLogin:
    """The token of this process.  One that AppRole gave is renewed, or replaced, before it ends."""

    token: str = field(default="", repr=False)
    renew_at: float = 0.0
    ends_at: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, settings: VaultSettings) -> str:
        """Raises VaultUnavailable."""
        if not settings.role_id:
            token = read_setting(settings.token, settings.token_file, settings.credentials)
            if not token:
                raise VaultUnavailable(
                    "A vault reference needs VAULT_TOKEN_FILE, VAULT_TOKEN, or VAULT_ROLE_ID with "
                    "VAULT_SECRET_ID_FILE, in the environment of every process of Relay."
                )
            return token
        with self.lock:
            now = time.monotonic()
            if self.token and now >= self.renew_at:
                is_over = now >= self.ends_at
                self.token = "" if is_over or not self._renew(settings) else self.token
            if not self.token:
                self._sign_in(settings)
            return self.token

    def drop(self, token: str) -> None:
        """The vault does not accept this token any more: sign in again."""
        with self.lock:
            self.token = "" if self.token == token else self.token

    def _sign_in(self, settings: VaultSettings) -> None:
        secret_id = read_setting(
            settings.secret_id, settings.secret_id_file, "VAULT_SECRET_ID_FILE"
        )
        body = {"role_id": settings.role_id} | ({"secret_id": secret_id} if secret_id else {})
        answer = call(settings, "POST", "auth/approle/login", body=body)
        if not self._take(answer):
            raise VaultUnavailable(
                f"{settings.shown} does not accept {settings.credentials} ({answer.status})."
                + (f" It says: {answer.error}" if answer.error else "")
            )

    def _renew(self, settings: VaultSettings) -> bool:
        return self._take(call(settings, "POST", "auth/token/renew-self", self.token, {}))

    def _take(self, answer: VaultAnswer) -> bool:
        found = answer.body.get("auth")
        if answer.status != 200 or not isinstance(found, dict) or not found.get("client_token"):
            return False
        lasts_s = float(found.get("lease_duration") or 0) or float("inf")
        now = time.monotonic()
        self.token = str(found["client_token"])
        self.renew_at, self.ends_at = now + lasts_s * RENEW_AFTER, now + lasts_s
        return True


def read_setting(value: str, path: str, name: str) -> str:
    """A setting, or the text of its file, which an agent may replace.  Raises VaultUnavailable."""
    if path:
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as exc:
            raise VaultUnavailable(f"{name} is {path}, which cannot be read.") from exc
    if value and not PRINTABLE.fullmatch(value):
        raise VaultUnavailable(f"{name} has spaces or line breaks in it. Copy it again.")
    return value
