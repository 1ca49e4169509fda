"""Child processes from the Procfile: starts and restarts them, and stops them with their parent."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from relay.launcher import forks

ROOT = Path(__file__).resolve().parents[2]
PR_SET_PDEATHSIG = 1
# The process types that make up a whole Relay; the Procfile has optional ones beside them.
STANDARD = ("web", "worker", "scheduler")
Process = subprocess.Popen[bytes] | forks.Fork
FIRST_DELAY_S, MAX_DELAY_S, HEALTHY_S = 0.5, 30.0, 60.0


def read_procfile(path: Path = ROOT / "Procfile") -> dict[str, str]:
    """-> the command of each process, by name, in the order of the file"""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.split(":", 1) for line in lines if line and not line.startswith("#"))
    return {name.strip(): command.strip() for name, command in pairs}


def standard_processes() -> dict[str, str]:
    """-> the commands of the processes that every installation has, by name"""
    commands = read_procfile()
    return {name: commands[name] for name in STANDARD}


def child_env(env: Mapping[str, str]) -> dict[str, str]:
    """``env`` with the folder of this Python first in PATH, so that ``python`` is this one."""
    programs = str(Path(sys.executable).parent)
    return {**env, "PATH": os.pathsep.join([programs, env.get("PATH", os.defpath)])}


def _die_with_parent() -> Callable[[], None] | None:
    """For the child: on Linux, the kernel stops it when its parent dies, even by SIGKILL."""
    if not sys.platform.startswith("linux"):
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def spawn(
    command: str | Sequence[str],
    log: IO[bytes],
    env: Mapping[str, str] | None = None,
    keep: tuple[int, ...] = (),
    user: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program, or a line of the Procfile, in a new process group, with its output in ``log``.

    ``keep`` are file descriptors to inherit.  Call it from the main thread, because the kernel stops
    the child when the thread that started it ends.
    """
    words = ["/bin/sh", "-c", f"exec {command}"] if isinstance(command, str) else list(command)
    return subprocess.Popen(  # noqa: S603 - the command is ours, from the Procfile
        words,
        cwd=ROOT,
        env=child_env(os.environ if env is None else env),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        process_group=0,
        pass_fds=keep,
        user=user,
        preexec_fn=_die_with_parent(),  # noqa: PLW1509 - before any thread is started
    )


def end(processes: Iterable[Process], timeout_s: float = 10.0) -> None:
    """Send SIGTERM to all, then SIGKILL to those that still run after ``timeout_s`` seconds."""
    running = [process for process in processes if process.poll() is None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + timeout_s
    for process in running:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            kill(process)


def kill(process: Process) -> None:
    """Kill a process and its process group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


@dataclass
class Child:
    """A process of the Procfile.  ``log`` is the file with its output.

    ``may_fork``: it is a fork of this process, if its command is one of Relay's.
    """

    name: str
    command: str
    log: Path
    env: Mapping[str, str]
    keep: tuple[int, ...] = ()
    may_fork: bool = False
    process: Process | None = None
    started_at: float = 0.0
    delay_s: float = FIRST_DELAY_S
    due_at: float = field(default=0.0)

    def start(self) -> None:
        command = forks.fork_command(self.command, self.env) if self.may_fork else None
        with self.log.open("ab") as log:
            if command is None:
                self.process = spawn(self.command, log, self.env, self.keep)
            else:
                env = child_env(self.env)
                self.process = forks.fork(command, log, env, self.keep, _die_with_parent())
        self.started_at = time.monotonic()

    def watch(self, say: Callable[[str], None]) -> None:
        """Restart the process if it has died.  The delay grows each time it dies early."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.due_at:
                self.start()
        elif (code := self.process.poll()) is not None:
            if now - self.started_at > HEALTHY_S:
                self.delay_s = FIRST_DELAY_S
            kill(self.process)  # and other processes in its group
            say(f"{self.name} stopped ({describe_exit(code)}). Restarting in {self.delay_s:g} s.")
            for line in last_lines(self.log):
                say(f"  {line}")
            say(f"  Full log: {self.log}")
            self.process, self.due_at = None, now + self.delay_s
            self.delay_s = min(self.delay_s * 2, MAX_DELAY_S)


def describe_exit(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"exit {code}"


def last_lines(log: Path, lines: int = 3, width: int = 160) -> list[str]:
    """The last lines of a log, each cut to ``width``."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        text = file.read().decode("utf-8", "replace")
    return [line[:width] for line in text.splitlines() if line.strip()][-lines:]
