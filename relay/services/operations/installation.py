"""Set up an installation: its secrets, its environment file, its tables and the link for the first admin."""

from __future__ import annotations

# i18n: keep file - for operators, at a command
import os
import re
import secrets
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet
from flask import current_app
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from config import Config
from relay.errors import SettingsError
from relay.models import db
from relay.services.operations import encryption
from relay.services.users import accounts as user_accounts

PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]*")  # a value that a shell and systemd read as it is
LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")


def generate_secrets() -> dict[str, str]:
    """Fresh values of the secrets that every installation needs."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "RELAY_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    }


# ---- the environment file ------------------------------------------------------------------------


def read_env_file(path: Path) -> dict[str, str]:
    """The values of an environment file as systemd and shells read it; {} without a file.

    Raises SettingsError.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{path} cannot be read: {exc}.") from exc
    values = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = LINE.fullmatch(line)
        try:
            words = shlex.split(found[2], comments=False) if found else []
        except ValueError:
            words = ["", ""]
        if not found or len(words) > 1:
            raise SettingsError(f"{path}, line {number}: this is not NAME=value.")
        values[found[1]] = words[0] if words else ""
    return values


def write_env_file(path: Path, values: Mapping[str, str]) -> None:
    """Set these values in an environment file and keep its other lines.  Only this user can read it.

    The file is replaced at once, so it is never half written.  Raises SettingsError.
    """
    left = dict(values)
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        for number, line in enumerate(lines):
            found = LINE.fullmatch(line)
            if found and found[1] in left:
                lines[number] = f"{found[1]}={quoted(left.pop(found[1]))}"
        lines += [f"{name}={quoted(value)}" for name, value in left.items()]
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
                file.flush()
                os.fsync(file.fileno())
            if path.exists():  # root may have given it to the user of the processes
                status = path.stat()
                if os.geteuid() == 0:
                    os.chown(temporary, status.st_uid, status.st_gid)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{path} cannot be written: {exc}.") from exc


def quoted(value: str) -> str:
    """A value as a shell and systemd read it."""
    return value if PLAIN.fullmatch(value) else "'" + value.replace("'", "'\\''") + "'"


# ---- the services and the tables -----------------------------------------------------------------


def without_password(url: str) -> str:
    """A database URL that can be printed."""
    return make_url(url).render_as_string(hide_password=True)


def migrate(config: Config) -> None:
    """Upgrade the database to the newest version.  Raises SettingsError if it is unavailable."""
    from flask_migrate import upgrade  # here: the help needs no Alembic

    try:
        upgrade()
    except DBAPIError as exc:
        reason = str(exc.orig).strip().splitlines()[0]
        raise SettingsError(
            f"Relay cannot use the database at {without_password(config.database_url)}: {reason}"
        ) from exc


def check_keys() -> None:
    """Raises SettingsError if the database has secrets that our encryption keys cannot decrypt."""
    with db.engine.connect() as connection:
        unreadable = encryption.unreadable(connection)
    if unreadable:
        raise SettingsError(
            f"RELAY_ENCRYPTION_KEYS cannot decrypt the secrets in the database ({unreadable[0]}). It "
            "belongs to an installation with another key: set RELAY_ENCRYPTION_KEYS of that one."
        )


def check_broker() -> None:
    """Raises SettingsError if the broker does not respond or may evict messages."""
    from relay.lean_redis import RedisError

    client = current_app.extensions["relay_broker"].client
    try:
        policy = client.info("memory").get("maxmemory_policy", "noeviction")
    except (RedisError, OSError) as exc:
        raise SettingsError(f"Relay cannot use the broker at REDIS_URL: {exc}") from exc
    if policy != "noeviction":
        raise SettingsError(
            f"The broker may evict keys (maxmemory-policy {policy}). Set it to noeviction."
        )


def first_run_url(base: str, data_dir: Path) -> str | None:
    """A new link for the first admin, also in the file ``first-run-url``; None if an admin exists."""
    path = data_dir / "first-run-url"
    token = user_accounts.make_first_run_token()
    if token is None:
        path.unlink(missing_ok=True)
        return None
    url = f"{base}/first-run/{token}"
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(url + "\n", encoding="utf-8")
    return url
