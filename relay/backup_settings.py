"""The settings of scheduled backups, RELAY_BACKUP_…"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from relay.errors import SettingsError

RECIPIENT = re.compile(r"age1[0-9a-z]{58}")
MIN_PASSPHRASE = 16


@dataclass(frozen=True)
class S3Settings:
    """A bucket of Amazon S3, or of another service at ``endpoint`` with the same API.

    Without ``access_key``, the keys come from where the AWS tools look, such as the role of the host.
    """

    bucket: str
    prefix: str
    endpoint: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)


@dataclass(frozen=True)
class BackupSettings:
    """Exactly one of ``folder`` and ``s3`` is set.  At most one of ``passphrase`` and ``recipients`` is."""

    folder: Path | None
    s3: S3Settings | None
    passphrase: str = field(default="", repr=False)
    recipients: tuple[str, ...] = ()
    keep_daily: int = 7
    keep_weekly: int = 4

    @property
    def is_encrypted(self) -> bool:
        return bool(self.passphrase or self.recipients)

    @property
    def place(self) -> str:
        """The folder, or the bucket and prefix, as a person reads it."""
        if self.s3 is None:
            return str(self.folder)
        return f"s3://{self.s3.bucket}/{self.s3.prefix}".rstrip("/")


def read_place(
    text: str, endpoint: str, region: str, access_key: str, secret_key: str
) -> tuple[Path | None, S3Settings | None]:
    """RELAY_BACKUP_TO with the settings of S3.  Raises SettingsError."""
    parts = urlsplit(text)
    if parts.scheme == "s3" and parts.netloc and not (parts.query or parts.fragment):
        if bool(access_key) != bool(secret_key):
            raise SettingsError(
                "Set both RELAY_BACKUP_S3_ACCESS_KEY and RELAY_BACKUP_S3_SECRET_KEY, or none of them."
            )
        prefix = parts.path.strip("/")
        s3 = S3Settings(
            parts.netloc, f"{prefix}/" if prefix else "", endpoint, region, access_key, secret_key
        )
        return None, s3
    path = Path(text)
    if parts.scheme or not path.is_absolute() or path.resolve() == Path("/"):
        raise SettingsError(
            "RELAY_BACKUP_TO must be the path of a folder such as /var/backups/relay, or "
            "s3://bucket/prefix."
        )
    return path, None


def read_recipients(text: str) -> tuple[str, ...]:
    """Public keys of age, separated by commas or spaces.  Raises SettingsError."""
    found = tuple(part for part in re.split(r"[,\s]+", text) if part)
    for one in found:
        if not RECIPIENT.fullmatch(one):
            raise SettingsError(
                "RELAY_BACKUP_RECIPIENTS must be public keys of age, such as age1…. Make a key with: "
                "age-keygen -o backup-key.txt"
            )
    return found


def check_passphrase(text: str) -> str:
    """Raises SettingsError if it is too short to resist guessing."""
    if text and len(text) < MIN_PASSPHRASE:
        raise SettingsError(
            f"RELAY_BACKUP_PASSPHRASE is shorter than {MIN_PASSPHRASE} characters. Use a longer one."
        )
    return text
