"""Child processes that never outlive the tests."""

import atexit
import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path


class StartupFailed(RuntimeError):
    """A server did not start; the message has the end of its log."""


def listens(port: int) -> bool:
    """Whether something accepts connections there."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Daemon:
    """One server in its own process group, so that its workers end with it."""

    def __init__(self, command: list[str], log: Path, env: dict[str, str] | None = None):
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                env={**os.environ, **(env or {})},
            )
        # Even a test run that is killed itself leaves nothing behind: its end of the pipe closes, and the guard acts.
        self._guard = subprocess.Popen(
            ["sh", "-c", f"read _; kill -9 -{self.process.pid}"],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        atexit.register(self.kill)

    def wait_until(self, ready, what: str, timeout_s: float = 30) -> None:
        """Wait for a condition; fail at once when the process ends first."""
        end = time.monotonic() + timeout_s
        while not ready():
            if self.process.poll() is not None or time.monotonic() > end:
                tail = self.log.read_text(errors="replace")[-2000:]
                self.kill()
                raise StartupFailed(f"{what} did not come up. The end of {self.log}:\n{tail}")
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.02)

    def kill(self) -> None:
        """End the whole group, at once and for certain."""
        self._guard.kill()
        self._guard.communicate()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        atexit.unregister(self.kill)
