"""Processes of the Procfile as forks of the launcher, which has loaded Relay already.

Each process alone takes some 90 MiB for modules.  Forks share them with the launcher until they write to them,
and start without importing anything.  A line of the Procfile that is not one of ours is started as a program.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

# What the processes import.  Not relay.actors: actors bind to the broker that is set when they are imported.
SHARED = (
    *("relay.web.server", "relay.scheduler", "relay.delivery.drain", "relay.delivery.router"),
    *("relay.delivery.local_drains", "relay.services.destinations.access", "dramatiq.cli"),
)
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")
POLL_S = 0.02
STATE, ARGUMENTS_START, ARGUMENTS_END = 3, 48, 49  # fields of /proc/self/stat, see proc(5)


@dataclass(frozen=True)
class ForkCommand:
    """A command of the Procfile: its words, and the settings before them."""

    words: tuple[str, ...]
    settings: Mapping[str, str]


class Fork:
    """A forked process, with what the launcher uses of a ``subprocess.Popen``."""

    def __init__(self, pid: int):
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                pid, status = self.pid, 0
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        until = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if until is not None and time.monotonic() >= until:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            time.sleep(POLL_S)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def preload() -> None:
    """Load what the forks share.  It must not start threads or open connections."""
    for name in SHARED:
        importlib.import_module(name)
    # Otherwise the collector writes to each object, so that every process gets its own copy.
    gc.collect()
    gc.freeze()


def fork_command(command: str, env: Mapping[str, str]) -> ForkCommand | None:
    """-> what a line of the Procfile runs; None if it is not one of Relay's own commands"""
    words = shlex.split(VARIABLE.sub(lambda found: env.get(found[1]) or found[2], command))
    settings = {}
    if words[:1] == ["env"]:
        del words[0]
        while words and "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            settings[name] = value
    is_ours = words[:2] == ["python", "-m"] and words[2:3] in (
        ["relay.web.server"],
        ["relay.scheduler"],
    )
    if (is_ours or words[:2] == ["dramatiq", "relay.worker"]) and "$" not in "".join(words):
        return ForkCommand(tuple(words), settings)
    return None


def fork(
    command: ForkCommand,
    log: IO[bytes],
    env: Mapping[str, str],
    keep: tuple[int, ...],
    ask: Callable[[], None] | None,
) -> Fork:
    """Run ``command`` in a forked process in its own process group, with its output in ``log``.

    ``keep`` are file descriptors that stay open.  ``ask`` is called first.  The caller must have no threads
    and no open connections to the database.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        with contextlib.suppress(OSError):  # it does the same
            os.setpgid(pid, pid)
        return Fork(pid)
    code = 1
    try:
        os.setpgid(0, 0)
        if ask is not None:
            ask()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        first = 3
        for handle in sorted({*keep, os.sysconf("SC_OPEN_MAX")}):
            os.closerange(first, handle)
            first = handle + 1
        os.environ.clear()
        os.environ.update({**env, **command.settings})
        code = run(command)
    except SystemExit as exc:
        code = exit_code(exc)
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def run(command: ForkCommand) -> int:
    """-> the exit code"""
    show_words(command.words)
    if command.words[0] == "dramatiq":
        sys.argv = list(command.words)
        return int(importlib.import_module("dramatiq.cli").main() or 0)
    sys.argv = list(command.words[2:])
    return int(importlib.import_module(command.words[2]).main() or 0)


def exit_code(exc: SystemExit) -> int:
    """What Python does with the argument of ``sys.exit``."""
    if exc.code is None or isinstance(exc.code, int):
        return exc.code or 0
    sys.stderr.write(f"{exc.code}\n")
    return 1


def show_words(words: tuple[str, ...]) -> None:
    """Show ``words`` as the command line of this process, in ps and top, as far as they fit."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        start, end = (int(fields[n - STATE]) for n in (ARGUMENTS_START, ARGUMENTS_END))
    except (OSError, ValueError, IndexError):
        return  # not Linux
    size = end - start
    if start and size > 1:
        text = "\0".join(words).encode()[: size - 1]
        ctypes.memmove(start, text.ljust(size, b"\0"), size)
