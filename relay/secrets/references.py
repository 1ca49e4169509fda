"""References to secrets: which environment variables and files the operator lets Relay read.

A person who may change a destination could otherwise send any file of the host to a server of their
own.  So both ways are off until the operator names a directory and a prefix of names.
"""

from __future__ import annotations

# i18n: keep file - a delivery that waits, or failed, stores the reason, and workers share it
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from relay.errors import SecretUnreadable

SCHEMES = ("env:", "file:", "vault:")
OWN_SETTINGS = re.compile(
    r"(RELAY_.*|VAULT_.*|OTEL_.*|FLASK_.*|SECRET_KEY|DATABASE_URL|DATABASE_READ_URL|REDIS_URL|PORT)(_FILE)?"
)
FORBIDDEN_FOLDERS = tuple(map(Path, ("/proc", "/sys", "/dev")))
MAX_BYTES = 65_536
ENTER_AGAIN = "or enter the secret again."


def is_reference(value: str) -> bool:
    """Whether a secret is a reference that is resolved when a message is sent."""
    return value.startswith(SCHEMES)


@dataclass(frozen=True)
class AllowList:
    """What the operator lets references read.

    ``files_dir`` (RELAY_SECRET_FILES_DIR) is a directory, ``env_prefix`` (RELAY_SECRET_ENV_PREFIX) the
    beginning of names; None and an empty text allow nothing.  Nothing in ``data_dir`` is ever read.
    """

    data_dir: Path
    files_dir: Path | None = None
    env_prefix: str = ""

    def read_env(self, name: str, env: Mapping[str, str]) -> str:
        """Raises SecretUnreadable."""
        if OWN_SETTINGS.fullmatch(name):
            raise SecretUnreadable(
                f"{name} is a setting of Relay itself and is never sent anywhere."
            )
        if not self.env_prefix:
            raise SecretUnreadable(
                f"The secret refers to the environment variable {name}, and references to environment "
                f"variables are turned off. Let the operator set RELAY_SECRET_ENV_PREFIX, {ENTER_AGAIN}"
            )
        if not name.startswith(self.env_prefix):
            raise SecretUnreadable(
                f"The secret refers to the environment variable {name}, and RELAY_SECRET_ENV_PREFIX "
                f"allows only names that begin with {self.env_prefix}. Rename it, {ENTER_AGAIN}"
            )
        found = env.get(name)
        if not found:
            raise SecretUnreadable(
                f"The secret refers to {name}, which is not set where Relay runs."
            )
        return one_line(found, name)

    def read_file(self, path: Path, env: Mapping[str, str]) -> str:
        """Raises SecretUnreadable.  Links are followed first, so a link leads to no other place."""
        try:
            real = path.resolve()
            is_ours = is_in(real, (self.data_dir.resolve(), *FORBIDDEN_FOLDERS)) or any(
                is_same(real, value) for name, value in env.items() if name.endswith("_FILE")
            )
            if is_ours:
                raise SecretUnreadable(
                    f"{path} belongs to Relay or the system and is never sent anywhere."
                )
            if self.files_dir is None:
                raise SecretUnreadable(
                    f"The secret refers to the file {path}, and references to files are turned off. "
                    f"Let the operator set RELAY_SECRET_FILES_DIR, {ENTER_AGAIN}"
                )
            if not is_in(real, (self.files_dir.resolve(),)):
                raise SecretUnreadable(
                    f"The secret refers to {path}, which is not in {self.files_dir} "
                    f"(RELAY_SECRET_FILES_DIR). Move it there, {ENTER_AGAIN}"
                )
            text = read_regular(real).decode()
        except (OSError, RuntimeError, ValueError) as exc:  # RuntimeError: links that go round
            why = exc.strerror if isinstance(exc, OSError) and exc.strerror else type(exc).__name__
            raise SecretUnreadable(
                f"The secret refers to {path}, which cannot be read ({why})."
            ) from exc
        return one_line(text, str(path))


def is_in(path: Path, folders: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def is_same(path: Path, other: str) -> bool:
    """Whether both are one file, also by another name of it (a hard link)."""
    try:
        return Path(other).resolve() == path or os.path.samefile(path, other)
    except (OSError, RuntimeError, ValueError):
        return False


def read_regular(path: Path) -> bytes:
    """A file's bytes.  Raises OSError, ValueError for what is no file or too large."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("not a file")
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise ValueError("too large")
    return raw


def one_line(text: str, where: str) -> str:
    """A secret without the newline at its end.  Raises SecretUnreadable if it is not one line.

    A line break in a secret could add a header to a request.
    """
    text = text.rstrip("\r\n")
    if not text:
        raise SecretUnreadable(f"The secret refers to {where}, which is empty.")
    if re.search(r"[\r\n\x00]", text):
        raise SecretUnreadable(
            f"The secret refers to {where}, which has more than one line. Store the secret alone in it."
        )
    return text
