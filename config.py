"""The settings, read once from the environment.  Relay does not start if one is missing or wrong.

A secret can also be set as ``NAME_FILE``, the path of a file with its value.
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

from relay.backup_settings import (
    BackupSettings,
    check_passphrase,
    read_place,
    read_recipients,
)
from relay.connection_urls import (
    MailAccount,
    read_database_url,
    read_mail_url,
    read_redis_url,
)
from relay.errors import SettingsError
from relay.oidc_settings import OidcSettings, read_oidc

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SAMPLE_SECRETS = frozenset(
    {"replace_me", "changeme", "change_me", "secret", "password", "your_secret_here", "example"}
)
MIN_SECRET_BYTES = 32
KNOWN = frozenset(
    """RELAY_ENCRYPTION_KEYS RELAY_DATA_DIR RELAY_PUBLIC_URL RELAY_TRUSTED_PROXIES
    RELAY_ALLOWED_PRIVATE_NETWORKS RELAY_MAX_BODY_BYTES RELAY_SIGNATURE_WINDOW_S
    RELAY_RETENTION_DAYS RELAY_UNRESOLVED_RETENTION_DAYS RELAY_ATTEMPT_BODY_DAYS RELAY_METRICS_TOKEN
    RELAY_SHARED_SECRET RELAY_CA_FILE
    RELAY_OUTBOUND_PROXY RELAY_CANARY_MINUTES RELAY_CANARY_URL RELAY_CLOCK_URL
    RELAY_METRICS_PORT RELAY_CONNECTIONS_PER_ADDRESS RELAY_AUDIT_SYSLOG RELAY_SECRET_FILES_DIR
    RELAY_SECRET_ENV_PREFIX RELAY_OIDC_ISSUER RELAY_OIDC_CLIENT_ID RELAY_OIDC_CLIENT_SECRET
    RELAY_OIDC_ROLE_CLAIM RELAY_OIDC_ROLES RELAY_OIDC_LABEL RELAY_MAIL_URL
    RELAY_MAIL_FROM RELAY_BACKUP_TO RELAY_BACKUP_PASSPHRASE RELAY_BACKUP_RECIPIENTS
    RELAY_BACKUP_KEEP_DAILY RELAY_BACKUP_KEEP_WEEKLY RELAY_BACKUP_S3_ENDPOINT
    RELAY_BACKUP_S3_REGION RELAY_BACKUP_S3_ACCESS_KEY RELAY_BACKUP_S3_SECRET_KEY""".split()
)
COPY_SAFE = re.compile(r"[\x21-\x7e]+")
WITH_FILE = (
    *(
        "RELAY_ENCRYPTION_KEYS",
        "RELAY_METRICS_TOKEN",
        "RELAY_SHARED_SECRET",
        "RELAY_OUTBOUND_PROXY",
        "RELAY_OIDC_CLIENT_SECRET",
        "RELAY_MAIL_URL",
        "RELAY_BACKUP_PASSPHRASE",
        "RELAY_BACKUP_S3_SECRET_KEY",
    ),
)


def check_secret(name: str, value: str) -> str:
    """``value``, if it is strong enough.  Raises SettingsError for sample and short values."""
    if value.strip().lower() in SAMPLE_SECRETS:
        raise SettingsError(f"{name} is a well-known sample value. Generate a new one.")
    if len(value.encode()) < MIN_SECRET_BYTES:
        raise SettingsError(
            f"{name} is shorter than {MIN_SECRET_BYTES} bytes. Generate a longer one."
        )
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
    """The secret from ``NAME`` or from the file at ``NAME_FILE``.  Raises SettingsError."""
    direct, path = env_text(env, name), env_text(env, f"{name}_FILE")
    if direct and path:
        raise SettingsError(f"Both {name} and {name}_FILE are set. Set only one of them.")
    if not path:
        return direct or None
    try:
        value = Path(path).read_text(encoding="utf-8-sig").strip()  # editors may write a mark
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{name}_FILE is {path}, which cannot be read: {exc}.") from exc
    if not value:
        raise SettingsError(f"{name}_FILE is {path}, which is empty.")
    return value


def set_by(env: Mapping[str, str], name: str) -> str:
    """``NAME``, or ``NAME_FILE`` if the value is read from a file: what a message names."""
    return f"{name}_FILE" if env_text(env, f"{name}_FILE") else name


def env_networks(env: Mapping[str, str], name: str) -> tuple[Network, ...]:
    """Networks in CIDR notation, separated by commas or spaces.  Raises SettingsError."""
    try:
        return tuple(
            ipaddress.ip_network(part) for part in re.split(r"[,\s]+", env_text(env, name)) if part
        )
    except ValueError as exc:
        raise SettingsError(
            f"{name} must be a list of networks such as 10.0.0.0/8: {exc}."
        ) from exc


def env_url(env: Mapping[str, str], name: str, example: str) -> str:
    """A server's URL without a trailing slash, or an empty string.  Raises SettingsError."""
    text = env_text(env, name)
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if text and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query):
        raise SettingsError(f"{name} must be a URL such as {example}.")
    return text.rstrip("/")


def env_ca_file(env: Mapping[str, str], name: str) -> str | None:
    """The path of a file with certificates as PEM.  Raises SettingsError."""
    path = env_text(env, name)
    if not path:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
        raise SettingsError(
            f"{name} is {path}, which is not a readable file with certificates as PEM: {exc}."
        ) from exc
    return path


def env_directory(env: Mapping[str, str], name: str) -> Path | None:
    """The absolute path of a directory other than the root, or None.  Raises SettingsError."""
    text = env_text(env, name)
    if not text:
        return None
    path = Path(text)
    if not path.is_absolute() or path.resolve() == Path("/"):
        raise SettingsError(
            f"{name} must be the path of a directory with nothing else in it, such as /run/secrets."
        )
    return path


def env_prefix(env: Mapping[str, str], name: str) -> str:
    """The beginning of the names of environment variables, or an empty text.  Raises SettingsError."""
    text = env_text(env, name)
    is_name = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{2,63}", text)
    if text and (not is_name or text.startswith(("RELAY_", "VAULT_"))):
        raise SettingsError(
            f"{name} must be the beginning of a name, at least 3 characters long, such as "
            "DESTINATION_. RELAY_ and VAULT_ are settings of their own."
        )
    return text


def env_proxy(env: Mapping[str, str], name: str) -> str:
    """The URL of an HTTP proxy with its port, or an empty string.  Raises SettingsError.

    The message has no password: it may be printed.
    """
    text = env_secret(env, name) or ""
    try:
        parts = urlsplit(text)
        is_proxy = parts.scheme == "http" and bool(parts.hostname and parts.port)
    except ValueError:
        is_proxy = False
    if text and (not is_proxy or parts.path not in ("", "/") or parts.query or parts.fragment):
        raise SettingsError(f"{name} must be a URL with a port, such as http://proxy.example:3128.")
    if text and not text.isascii():
        raise SettingsError(f"{name} must be ASCII. Percent-encode its user and password.")
    return text


def env_syslog(env: Mapping[str, str], name: str) -> str:
    """``udp://host:port``, ``tcp://host:port``, ``unix:///path`` or an empty string.

    Raises SettingsError.
    """
    text = env_text(env, name)
    try:
        parts = urlsplit(text)
        is_server = parts.scheme in ("udp", "tcp") and bool(parts.hostname and parts.port)
    except ValueError:
        parts, is_server = urlsplit(""), False
    is_socket = parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/")
    if text and not ((is_server and parts.path in ("", "/")) or is_socket):
        raise SettingsError(
            f"{name} must be udp://host:port, tcp://host:port or unix:///path, not {text!r}."
        )
    return text


def env_mail(env: Mapping[str, str]) -> MailAccount | None:
    """The mail server for Relay's own mails, None without RELAY_MAIL_URL.  Raises SettingsError."""
    text = env_secret(env, "RELAY_MAIL_URL")
    sender = env_text(env, "RELAY_MAIL_FROM")
    if text is None:
        if sender:
            raise SettingsError("RELAY_MAIL_FROM is set without RELAY_MAIL_URL. Set both or none.")
        return None
    return read_mail_url(text, sender, set_by(env, "RELAY_MAIL_URL"))


def env_backups(env: Mapping[str, str]) -> BackupSettings | None:
    """Where and how backups are made, None without RELAY_BACKUP_TO.  Raises SettingsError."""
    text = env_text(env, "RELAY_BACKUP_TO")
    passphrase = check_passphrase(env_secret(env, "RELAY_BACKUP_PASSPHRASE") or "")
    recipients = read_recipients(env_text(env, "RELAY_BACKUP_RECIPIENTS"))
    keep_daily = env_int(env, "RELAY_BACKUP_KEEP_DAILY", 7, 1, 3660)
    keep_weekly = env_int(env, "RELAY_BACKUP_KEEP_WEEKLY", 4, 0, 520)
    if passphrase and recipients:
        raise SettingsError(
            "Both RELAY_BACKUP_PASSPHRASE and RELAY_BACKUP_RECIPIENTS are set. Set only one of them."
        )
    if not text:
        return None
    folder, s3 = read_place(
        text,
        env_url(env, "RELAY_BACKUP_S3_ENDPOINT", "https://storage.example.com"),
        env_text(env, "RELAY_BACKUP_S3_REGION"),
        env_text(env, "RELAY_BACKUP_S3_ACCESS_KEY"),
        env_secret(env, "RELAY_BACKUP_S3_SECRET_KEY") or "",
    )
    return BackupSettings(folder, s3, passphrase, recipients, keep_daily, keep_weekly)


def database_url(text: str, data_dir: Path, name: str = "DATABASE_URL") -> str:
    """The database URL for SQLAlchemy; by default a SQLite file in the data directory.

    Raises SettingsError, which begins with ``name``.
    """
    return read_database_url(text, name) if text else f"sqlite:///{data_dir / 'relay.db'}"


def env_replica(env: Mapping[str, str], name: str, primary: str) -> str:
    """The URL of a read-only replica for SQLAlchemy, or an empty text.  Raises SettingsError."""
    text = env_secret(env, name)
    if not text:
        return ""
    url = read_database_url(text, set_by(env, name))
    if url.startswith("sqlite") or not (env_secret(env, primary) or "").startswith("postgres"):
        raise SettingsError(f"{name} needs PostgreSQL there and in {primary}.")
    return url


@dataclass(frozen=True)
class Config:
    """All settings of a process.  Times are in seconds, sizes in bytes."""

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
    unresolved_retention_days: int = 90
    attempt_body_days: int = 0  # 0: as long as the event
    metrics_token: str | None = None
    metrics_port: int = 0
    otel_endpoint: str | None = None
    shared_secret: str | None = None
    ca_file: str | None = None
    outbound_proxy: str = ""
    canary_minutes: int = 0
    canary_url: str = ""
    clock_url: str = ""
    connections_per_address: int = 256
    audit_syslog: str = ""
    secret_files_dir: Path | None = None
    secret_env_prefix: str = ""
    read_database_url: str = ""
    oidc: OidcSettings | None = None
    mail: MailAccount | None = None
    backups: BackupSettings | None = None
    set_in_environment: frozenset[str] = frozenset()  # names of variables, without _FILE

    @property
    def base_url(self) -> str:
        """RELAY_PUBLIC_URL, else this host's port."""
        return self.public_url or f"http://127.0.0.1:{self.port}"

    def __repr__(self) -> str:
        hidden = {"secret_key", "encryption_keys", "metrics_token", "shared_secret"}
        hidden |= {
            "database_url",
            "read_database_url",
            "redis_url",
            "outbound_proxy",
            "oidc",
        }  # they can contain a password
        shown = (
            f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.name not in hidden
        )
        return f"Config({', '.join(shown)})"

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Config:
        """Read and check every setting.  Raises SettingsError with a message of one line."""
        env = os.environ if env is None else env
        for name in env:
            bare = name[:-5] if name.endswith("_FILE") and name[:-5] in WITH_FILE else name
            if name.startswith("RELAY_") and bare not in KNOWN:
                raise SettingsError(f"{name} is not a Relay setting. See docs/install.md.")
        data_dir = Path(env_text(env, "RELAY_DATA_DIR", "instance")).absolute()
        stored = read_stored_secrets(data_dir)
        broker = env_secret(env, "REDIS_URL")
        secret_key = env_secret(env, "SECRET_KEY") or stored.get("SECRET_KEY")
        encryption_keys = env_secret(env, "RELAY_ENCRYPTION_KEYS") or stored.get(
            "RELAY_ENCRYPTION_KEYS"
        )
        required = {"SECRET_KEY": secret_key, "RELAY_ENCRYPTION_KEYS": encryption_keys}
        for name, value in required.items():
            if not value:
                raise SettingsError(
                    f"{name} is not set. `flask init` generates it and writes a file with all "
                    f"settings; `make run` stores it in {data_dir / 'secrets.env'}."
                )
        shared = env_secret(env, "RELAY_SHARED_SECRET")
        port = env_int(env, "PORT", 8000, 1, 65535)
        public_url = env_url(env, "RELAY_PUBLIC_URL", "https://relay.example.com")
        if shared and not COPY_SAFE.fullmatch(shared):
            raise SettingsError(
                "RELAY_SHARED_SECRET must contain only printable ASCII characters and no spaces."
            )
        port = env_int(env, "PORT", 8000, 1, 65535)
        metrics_port = env_int(env, "RELAY_METRICS_PORT", 0, 1, 65535)
        if metrics_port == port:
            raise SettingsError(
                f"RELAY_METRICS_PORT is {port}, like PORT, which web listens on. Set another one."
            )
        trusted_proxies = env_int(env, "RELAY_TRUSTED_PROXIES", 0, 0, 20)
        return cls(
            data_dir=data_dir,
            database_url=database_url(
                env_secret(env, "DATABASE_URL") or "", data_dir, set_by(env, "DATABASE_URL")
            ),
            read_database_url=env_replica(env, "DATABASE_READ_URL", "DATABASE_URL"),
            redis_url=read_redis_url(broker, set_by(env, "REDIS_URL"))
            if broker
            else f"unix://{data_dir / 'valkey.sock'}",
            secret_key=check_secret("SECRET_KEY", secret_key or ""),
            encryption_keys=split_encryption_keys(encryption_keys or ""),
            port=port,
            public_url=public_url,
            trusted_proxies=trusted_proxies,
            allowed_private_networks=env_networks(env, "RELAY_ALLOWED_PRIVATE_NETWORKS"),
            max_body_bytes=env_int(env, "RELAY_MAX_BODY_BYTES", 262_144, 1024, 16_777_216),
            signature_window_s=env_int(env, "RELAY_SIGNATURE_WINDOW_S", 300, 1, 86_400),
            retention_days=env_int(env, "RELAY_RETENTION_DAYS", 30, 1, 3650),
            unresolved_retention_days=env_int(env, "RELAY_UNRESOLVED_RETENTION_DAYS", 90, 1, 3650),
            attempt_body_days=env_int(env, "RELAY_ATTEMPT_BODY_DAYS", 0, 0, 3650),
            metrics_token=env_secret(env, "RELAY_METRICS_TOKEN"),
            metrics_port=metrics_port,
            otel_endpoint=env_url(env, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
            or None,
            shared_secret=check_secret("RELAY_SHARED_SECRET", shared) if shared else None,
            ca_file=env_ca_file(env, "RELAY_CA_FILE"),
            outbound_proxy=env_proxy(env, "RELAY_OUTBOUND_PROXY"),
            canary_minutes=env_int(env, "RELAY_CANARY_MINUTES", 10 if public_url else 0, 0, 1440),
            canary_url=env_url(env, "RELAY_CANARY_URL", "https://relay.example.com")
            or public_url
            or f"http://127.0.0.1:{port}",
            clock_url=env_url(env, "RELAY_CLOCK_URL", "https://example.com"),
            # behind a proxy, all connections come from its address
            connections_per_address=env_int(
                env, "RELAY_CONNECTIONS_PER_ADDRESS", 0 if trusted_proxies else 256, 0, 100_000
            ),
            audit_syslog=env_syslog(env, "RELAY_AUDIT_SYSLOG"),
            secret_files_dir=env_directory(env, "RELAY_SECRET_FILES_DIR"),
            secret_env_prefix=env_prefix(env, "RELAY_SECRET_ENV_PREFIX"),
            oidc=read_oidc(
                env_url(env, "RELAY_OIDC_ISSUER", "https://login.example.com"),
                env_text(env, "RELAY_OIDC_CLIENT_ID"),
                env_secret(env, "RELAY_OIDC_CLIENT_SECRET") or "",
                env_text(env, "RELAY_OIDC_ROLE_CLAIM"),
                env_text(env, "RELAY_OIDC_ROLES"),
                env_text(env, "RELAY_OIDC_LABEL"),
            ),
            mail=env_mail(env),
            backups=env_backups(env),
            set_in_environment=frozenset(
                name for name in KNOWN if env_text(env, name) or env_text(env, f"{name}_FILE")
            ),
        )


def split_encryption_keys(text: str) -> tuple[str, ...]:
    """Fernet keys, newest first, separated by commas or spaces.  Raises SettingsError."""
    keys = tuple(part for part in re.split(r"[,\s]+", text) if part)
    for key in keys:
        if not re.fullmatch(r"[A-Za-z0-9_-]{43}=", key):
            raise SettingsError(
                "RELAY_ENCRYPTION_KEYS must be a list of 32-byte keys in URL-safe base64 (44 "
                "characters, ending in =), newest first. Generate one with: "
                "flask rotate-encryption-keys --new-key"
            )
    return keys


def read_stored_secrets(data_dir: Path) -> dict[str, str]:
    """The secrets that ``make run`` generated, from ``secrets.env`` in the data directory."""
    path = data_dir / "secrets.env"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except OSError as exc:
        raise SettingsError(f"{path} cannot be read: {exc}.") from exc
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
