"""Reads ``mount/path#field`` of a vault: the key-value engines of version 1 and 2.

What concerns the vault as a whole, or the token, raises VaultUnavailable: it ends without a change of
any destination.  What concerns one reference raises VaultSecretMissing.
"""

from __future__ import annotations

# i18n: keep file - a delivery that waits, or failed, stores the reason, and workers share it
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from relay.errors import SecretUnreadable, VaultSecretMissing, VaultUnavailable
from relay.secrets.references import one_line
from relay.secrets.vault_access import VaultLogin, VaultSettings, VaultTokenRefused, call

KEEP_VALUE_S = 30.0  # a drain reads its secrets each time it starts, which may be every second
KEEP_MOUNT_S = 300.0
# After a failure no one calls the vault for this time, so that one that hangs does not occupy all
# threads of the workers.
KEEP_FAILURE_S = 3.0


@dataclass(frozen=True)
class VaultPath:
    """``where`` is the mount and the path in it, percent-encoded for a URL."""

    shown: str
    where: str
    field: str

    @classmethod
    def parse(cls, reference: str) -> VaultPath:
        """``mount/path#field``.  Raises SecretUnreadable."""
        shown, _, name = reference.partition("#")
        parts = shown.split("/")
        if len(parts) < 2 or not name or any(part.strip(" .") == "" for part in parts):
            raise SecretUnreadable(
                f"vault:{reference} is not a vault reference. Write vault:mount/path#field, without "
                "empty parts and without . or .. in the path."
            )
        return cls(shown, "/".join(quote(part, safe="") for part in parts), name)


@dataclass(frozen=True)
class VaultMount:
    """``prefix`` ends in a slash and is percent-encoded; ``version`` is that of the engine."""

    prefix: str
    version: str
    until: float


class Vault:
    """The vault of this process.  ``ca_file`` is used where VAULT_CACERT is not set.

    ``keep_value_s`` and ``keep_failure_s`` are how long a value and a failure are remembered.
    """

    def __init__(
        self,
        ca_file: str | None = None,
        env: Mapping[str, str] = os.environ,
        keep_value_s: float = KEEP_VALUE_S,
        keep_failure_s: float = KEEP_FAILURE_S,
    ):
        self.ca_file, self.env = ca_file, env
        self.keep_value_s, self.keep_failure_s = keep_value_s, keep_failure_s
        self.lock = threading.Lock()
        self.settings: VaultSettings | None = None
        self._reset(None)

    def _reset(self, settings: VaultSettings | None) -> None:
        self.settings, self.login = settings, VaultLogin()
        self.values: dict[str, tuple[str, float]] = {}
        self.mounts: dict[str, VaultMount] = {}
        self.failure, self.failed_until = "", 0.0

    def read(self, reference: str) -> str:
        """The value at ``mount/path#field``.  Raises SecretUnreadable, VaultUnavailable."""
        path = VaultPath.parse(reference)
        settings = VaultSettings.from_env(self.env, self.ca_file)
        now = time.monotonic()
        with self.lock:
            if settings != self.settings:
                self._reset(settings)
            self.values = {name: kept for name, kept in self.values.items() if kept[1] > now}
            if reference in self.values:
                return self.values[reference][0]
            if now < self.failed_until:
                raise VaultUnavailable(self.failure)
        try:
            value = self._read(settings, path)
        except VaultUnavailable as exc:
            with self.lock:
                self.failure, self.failed_until = str(exc), time.monotonic() + self.keep_failure_s
            raise
        with self.lock:
            self.values[reference] = (value, time.monotonic() + self.keep_value_s)
        return value

    def _read(self, settings: VaultSettings, path: VaultPath) -> str:
        for is_last in (not settings.role_id, True):
            token = self.login.get(settings)
            try:
                return self._read_field(settings, path, token)
            except VaultTokenRefused as exc:
                self.login.drop(token)  # AppRole gets a new one
                if is_last:
                    raise VaultUnavailable(
                        f"{settings.shown} does not accept the token of {settings.credentials}: it is "
                        "wrong, has expired or was revoked."
                    ) from exc
        raise AssertionError("the second try returns or raises")

    def _read_field(self, settings: VaultSettings, path: VaultPath, token: str) -> str:
        mount = self._mount(settings, path, token)
        rest = path.where.removeprefix(mount.prefix)
        is_v2 = mount.version == "2"
        answer = call(settings, "GET", f"{mount.prefix}{'data/' if is_v2 else ''}{rest}", token)
        if answer.status != 200:
            self.mounts.pop(path.where, None)  # it may be another engine now
        if answer.status == 403:
            raise self._forbidden(settings, path, token)
        if answer.status == 404:
            is_deleted = bool(answer.data.get("metadata"))
            raise VaultSecretMissing(
                f"{settings.shown} has no secret at {path.shown}"
                + (", because it was deleted there." if is_deleted else ".")
                + " Check the path, or store the secret there."
            )
        if answer.status != 200:
            raise VaultSecretMissing(
                f"{settings.shown} answers {answer.status} for {path.shown}. {answer.error}".strip()
            )
        fields: Any = answer.data.get("data") if is_v2 else answer.data
        value = fields.get(path.field) if isinstance(fields, dict) else None
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise VaultSecretMissing(
                f"{settings.shown} has no field {path.field} with a text at {path.shown}. Check the name."
            )
        return one_line(str(value), f"the field {path.field} of {path.shown} in the vault")

    def _mount(self, settings: VaultSettings, path: VaultPath, token: str) -> VaultMount:
        """The engine that the path is in: only the vault knows how much of a path is the mount."""
        kept = self.mounts.get(path.where)
        if kept is not None and time.monotonic() < kept.until:
            return kept
        answer = call(settings, "GET", f"sys/internal/ui/mounts/{path.where}", token)
        if answer.status == 403:
            raise self._forbidden(settings, path, token)
        prefix = "/".join(quote(part, safe="") for part in str(answer.data.get("path")).split("/"))
        if answer.status != 200 or not path.where.startswith(prefix):
            raise VaultSecretMissing(
                f"{settings.shown} answers {answer.status} for the mount of {path.shown}. "
                f"{answer.error}".strip()
            )
        if answer.data.get("type") not in ("kv", "generic"):
            raise VaultSecretMissing(
                f"{path.shown} is not in a key-value engine of the vault, and Relay reads no other."
            )
        options = answer.data.get("options")
        version = str(options.get("version", "1")) if isinstance(options, dict) else "1"
        mount = VaultMount(prefix, version, time.monotonic() + KEEP_MOUNT_S)
        self.mounts[path.where] = mount
        return mount

    def _forbidden(self, settings: VaultSettings, path: VaultPath, token: str) -> Exception:
        """What a 403 means: the vault gives the same answer for three causes."""
        if call(settings, "GET", "auth/token/lookup-self", token).status != 200:
            return VaultTokenRefused()
        visible = call(settings, "GET", "sys/internal/ui/mounts", token).data.get("secret")
        mounts = visible if isinstance(visible, dict) else {}
        if any(f"{path.shown}/".startswith(mount) for mount in mounts):
            return VaultSecretMissing(
                f"{settings.shown} does not permit Relay to read {path.shown}. Add read to the policy of "
                f"the token ({settings.credentials})."
            )
        return VaultSecretMissing(
            f"{settings.shown} has no mount for {path.shown} that the token may see. Check the path, and "
            "the policy of the token."
        )
