"""Settings, read once from the environment.  A missing or wrong one stops the start, by name.

Every secret may also come as ``NAME_FILE``, a path to a file that holds it.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

from relay.errors import SettingsError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SAMPLE_SECRETS = frozenset(
    {"replace_me", "changeme", "change_me", "secret", "password", "your_secret_here", "example"}
)
MIN_SECRET_BYTES = 32
KNOWN = frozenset(
    """RELAY_ENCRYPTION_KEYS RELAY_DATA_DIR RELAY_PUBLIC_URL RELAY_TRUSTED_PROXIES
    RELAY_ALLOWED_PRIVATE_NETWORKS RELAY_MAX_BODY_BYTES RELAY_SIGNATURE_WINDOW_S
    RELAY_RETENTION_DAYS RELAY_METRICS_TOKEN RELAY_SHARED_SECRET""".split()
)
COPY_SAFE = re.compile(r"[\x21-\x7e]+")
WITH_FILE = ("RELAY_ENCRYPTION_KEYS", "RELAY_METRICS_TOKEN", "RELAY_SHARED_SECRET")


def check_secret(name: str, value: str) -> str:
    """``value`` if it can serve as a key.  Raises SettingsError for samples and short ones."""
    if value.strip().lower() in SAMPLE_SECRETS:
        raise SettingsError(f"{name} is a sample value that everybody knows. Make a new one.")
    if len(value.encode()) < MIN_SECRET_BYTES:
        raise SettingsError(f"{name} is shorter than {MIN_SECRET_BYTES} bytes. Make a longer one.")
    return value


def env_text(env: Mapping[str, str], name: str, default: str = "") -> str:
    return env.get(name, "").strip() or default


def env_int(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """A whole number between ``low`` and ``high``.  Raises SettingsError."""
    text = env_text(env, name)
    if not text:
        return default
    if not re.fullmatch(r"-?[0-9]{1,15}", text) or not low <= int(text) <= high:
        raise SettingsError(f"{name} must be a whole number from {low} to {high}, not {text!r}.")
    return int(text)


def env_bool(env: Mapping[str, str], name: str, default: bool) -> bool:
    """True for 1, true, yes, on; false for 0, false, no, off.  Raises SettingsError."""
    text = env_text(env, name).lower()
    if not text:
        return default
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off"):
        return False
    raise SettingsError(f"{name} must be yes or no, not {text!r}.")


def env_secret(env: Mapping[str, str], name: str) -> str | None:
    """The secret from ``NAME`` or from the file that ``NAME_FILE`` names.  Raises SettingsError."""
    direct, path = env_text(env, name), env_text(env, f"{name}_FILE")
    if direct and path:
        raise SettingsError(f"Both {name} and {name}_FILE are set. Keep one of them.")
    if not path:
        return direct or None
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{name}_FILE names {path}, which cannot be read: {exc}.") from exc
    if not value:
        raise SettingsError(f"{name}_FILE names {path}, which is empty.")
    return value


def env_networks(env: Mapping[str, str], name: str) -> tuple[Network, ...]:
    """Networks as CIDRs, separated by commas or blanks.  Raises SettingsError."""
    try:
        return tuple(
            ipaddress.ip_network(part) for part in re.split(r"[,\s]+", env_text(env, name)) if part
        )
    except ValueError as exc:
        raise SettingsError(f"{name} must be networks such as 10.0.0.0/8: {exc}.") from exc


def env_address(env: Mapping[str, str], name: str, example: str) -> str:
    """The address of a server without a slash at its end, or nothing.  Raises SettingsError."""
    text = env_text(env, name)
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if text and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query):
        raise SettingsError(f"{name} must be an address such as {example}.")
    return text.rstrip("/")


def database_url(text: str, data_dir: Path) -> str:
    """The SQLAlchemy address of the database; SQLite in the data directory by default."""
    if not text:
        return f"sqlite:///{data_dir / 'relay.db'}"
    if text.startswith(("postgres://", "postgresql://")):
        return "postgresql+psycopg://" + text.split("://", 1)[1]
    if text.startswith(("postgresql+psycopg://", "sqlite:///")):
        return text
    raise SettingsError("DATABASE_URL must start with postgresql:// or sqlite:///.")


@dataclass(frozen=True)
class Config:
    """All settings of one process.  Times in seconds, sizes in bytes."""

    data_dir: Path
    database_url: str
    redis_url: str
    secret_key: str
    encryption_keys: tuple[str, ...]
    port: int = 8000
    public_url: str = ""
    trusted_proxies: int = 0
    allowed_private_networks: tuple[Network, ...] = ()
    max_body_bytes: int = 262_144
    signature_window_s: int = 300
    retention_days: int = 30
    metrics_token: str | None = None
    otel_endpoint: str | None = None
    shared_secret: str | None = None

    def __repr__(self) -> str:
        hidden = {"secret_key", "encryption_keys", "metrics_token", "shared_secret"}
        hidden |= {"database_url", "redis_url"}  # with passwords
        shown = (
            f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.name not in hidden
        )
        return f"Config({', '.join(shown)})"

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Config:
        """Read every setting.  Raises SettingsError with one clear line."""
        env = os.environ if env is None else env
        for name in env:
            bare = name[:-5] if name.endswith("_FILE") and name[:-5] in WITH_FILE else name
            if name.startswith("RELAY_") and bare not in KNOWN:
                raise SettingsError(f"{name} is not a setting of Relay. See docs/install.md.")
        data_dir = Path(env_text(env, "RELAY_DATA_DIR", "instance")).absolute()
        kept = read_kept_secrets(data_dir)
        redis_url = env_secret(env, "REDIS_URL") or f"unix://{data_dir / 'valkey.sock'}"
        if not redis_url.startswith(("redis://", "rediss://", "unix://")):
            raise SettingsError("REDIS_URL must start with redis://, rediss:// or unix://.")
        secret_key = env_secret(env, "SECRET_KEY") or kept.get("SECRET_KEY")
        sealing = env_secret(env, "RELAY_ENCRYPTION_KEYS") or kept.get("RELAY_ENCRYPTION_KEYS")
        for name, value in (("SECRET_KEY", secret_key), ("RELAY_ENCRYPTION_KEYS", sealing)):
            if not value:
                raise SettingsError(
                    f"{name} is not set. Production needs its own; `make run` makes one "
                    f"and keeps it in {data_dir / 'secrets.env'}."
                )
        shared = env_secret(env, "RELAY_SHARED_SECRET")
        if shared and not COPY_SAFE.fullmatch(shared):
            raise SettingsError(
                "RELAY_SHARED_SECRET may have letters, digits and signs of ASCII, but no blanks."
            )
        return cls(
            data_dir=data_dir,
            database_url=database_url(env_secret(env, "DATABASE_URL") or "", data_dir),
            redis_url=redis_url,
            secret_key=check_secret("SECRET_KEY", secret_key or ""),
            encryption_keys=split_encryption_keys(sealing or ""),
            port=env_int(env, "PORT", 8000, 1, 65535),
            public_url=env_address(env, "RELAY_PUBLIC_URL", "https://relay.example.com"),
            trusted_proxies=env_int(env, "RELAY_TRUSTED_PROXIES", 0, 0, 20),
            allowed_private_networks=env_networks(env, "RELAY_ALLOWED_PRIVATE_NETWORKS"),
            max_body_bytes=env_int(env, "RELAY_MAX_BODY_BYTES", 262_144, 1024, 16_777_216),
            signature_window_s=env_int(env, "RELAY_SIGNATURE_WINDOW_S", 300, 1, 86_400),
            retention_days=env_int(env, "RELAY_RETENTION_DAYS", 30, 1, 3650),
            metrics_token=env_secret(env, "RELAY_METRICS_TOKEN"),
            otel_endpoint=env_address(env, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
            or None,
            shared_secret=check_secret("RELAY_SHARED_SECRET", shared) if shared else None,
        )


def split_encryption_keys(text: str) -> tuple[str, ...]:
    """Fernet keys, newest first, separated by commas or blanks.  Raises SettingsError."""
    keys = tuple(part for part in re.split(r"[,\s]+", text) if part)
    for key in keys:
        if not re.fullmatch(r"[A-Za-z0-9_-]{43}=", key):
            raise SettingsError(
                "RELAY_ENCRYPTION_KEYS must be keys of 32 bytes in URL-safe base64 (44 characters "
                "ending in =), newest first. Make one with: flask rotate-encryption-keys --new-key"
            )
    return keys


def read_kept_secrets(data_dir: Path) -> dict[str, str]:
    """What ``make run`` generated into ``secrets.env`` of the data directory, if anything."""
    path = data_dir / "secrets.env"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except OSError as exc:
        raise SettingsError(f"{path} cannot be read: {exc}.") from exc
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
