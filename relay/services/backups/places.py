"""Where backups are stored: a folder or a bucket, with the same few operations."""

from __future__ import annotations

# i18n: keep file - for operators and for the stored reason of a backup that failed
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from relay.backup_settings import BackupSettings
from relay.errors import Refusal
from relay.services.backups.bucket import Bucket

NAME = re.compile(r"relay-(\d{8}T\d{6}Z)\.backup\.gz(\.age)?")
TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class StoredBackup:
    """``key_name`` is the file with its key, which only a backup with a passphrase has."""

    name: str
    made_at: datetime
    size: int

    @property
    def is_encrypted(self) -> bool:
        return self.name.endswith(".age")

    @property
    def key_name(self) -> str:
        return key_name(self.name)


def backup_name(made_at: datetime, is_encrypted: bool) -> str:
    return f"relay-{made_at.astimezone(UTC):{TIME}}.backup.gz{'.age' if is_encrypted else ''}"


def key_name(name: str) -> str:
    return name.partition(".backup.")[0] + ".key.age"


class Place(Protocol):
    """A store of files by name.  Everything here raises Refusal with the reason."""

    def sizes(self) -> dict[str, int]:
        """The size of each file, by name."""

    def put(self, path: Path, name: str) -> None:
        """Store a file under ``name``.  What an interrupted call stored is not stored again."""

    def get(self, name: str, path: Path) -> None:
        """Copy a stored file to ``path``."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""


class Folder:
    def __init__(self, folder: Path):
        self.folder = folder

    def sizes(self) -> dict[str, int]:
        try:
            return {path.name: path.stat().st_size for path in self.folder.iterdir()}
        except FileNotFoundError:
            return {}
        except OSError as exc:
            raise self._refusal("read", exc) from exc

    def put(self, path: Path, name: str) -> None:
        part = self.folder / f".{name}.part"
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with (
                path.open("rb") as source,
                os.fdopen(
                    os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb"
                ) as file,
            ):
                shutil.copyfileobj(source, file, 1024 * 1024)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self.folder / name)
        except OSError as exc:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise self._refusal("write to", exc) from exc

    def get(self, name: str, path: Path) -> None:
        try:
            shutil.copyfile(self.folder / name, path)
        except OSError as exc:
            raise self._refusal(f"read {name} in", exc) from exc

    def remove(self, name: str) -> None:
        try:
            (self.folder / name).unlink(missing_ok=True)
        except OSError as exc:
            raise self._refusal(f"remove {name} from", exc) from exc

    def _refusal(self, what: str, exc: OSError) -> Refusal:
        return Refusal(f"Relay cannot {what} the folder {self.folder}: {exc.strerror}.")


def place_of(settings: BackupSettings | None, spool: Path) -> Place:
    """Raises Refusal without RELAY_BACKUP_TO."""
    if settings is None:
        raise Refusal(
            "RELAY_BACKUP_TO is not set. Set it to a folder such as /var/backups/relay, or to "
            "s3://bucket/prefix."
        )
    if settings.s3 is not None:
        return Bucket(settings.s3, spool)
    assert settings.folder is not None
    if settings.folder.resolve() == spool.resolve():
        raise Refusal(
            f"RELAY_BACKUP_TO is {spool}, where Relay prepares backups. Use another folder."
        )
    return Folder(settings.folder)


def stored_backups(place: Place) -> list[StoredBackup]:
    """Newest first."""
    found = []
    for name, size in place.sizes().items():
        if match := NAME.fullmatch(name):
            made_at = datetime.strptime(match[1], TIME).replace(tzinfo=UTC)
            found.append(StoredBackup(name, made_at, size))
    return sorted(found, key=lambda one: one.made_at, reverse=True)
