#!/usr/bin/python3
"""What ``systemctl`` does with a unit, for a folder in which no systemd runs: see scripts/try_install.py.

It starts the commands of the unit files as they are written, with the user, environment, folders, limits and
sockets that they name.  A service with a script in /etc/init.d is left to that script.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import resource
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

FOLDERS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
STATE = Path("/run/systemctl-stand-in")
WANTED = Path("/etc/systemd/system/multi-user.target.wants")
FIRST_PASSED = 3  # sd_listen_fds(3)
START_S = 90.0
Unit = dict[str, list[str]]


def file_of(name: str) -> Path:
    for folder in FOLDERS:
        if (path := Path(folder, name)).exists():
            return path
    sys.exit(f"Unit {name} could not be found.")


def read(name: str) -> Unit:
    """The directives of a unit; an empty value takes back those before it."""
    found: Unit = {}
    text = file_of(name).read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";")):
            found[key.strip()] = [*found.get(key.strip(), []), value.strip()] if value else []
    return found


def last(unit: Unit, key: str, default: str = "") -> str:
    return (unit.get(key) or [default])[-1]


def seconds(text: str) -> float:
    return float(text.removesuffix("sec").removesuffix("s"))


def environment(unit: Unit) -> dict[str, str]:
    user = last(unit, "User", "root")
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "USER": user}
    env["HOME"] = pwd.getpwnam(user).pw_dir
    for line in unit.get("Environment", []):
        env |= dict(word.split("=", 1) for word in shlex.split(line))
    for name in unit.get("EnvironmentFile", []):
        path = Path(name.removeprefix("-"))
        if name.startswith("-") and not path.exists():
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.startswith(("#", ";")):
                key, _, value = line.partition("=")
                env[key] = "".join(shlex.split(value))
    return env


def make_folders(unit: Unit) -> None:
    account = pwd.getpwnam(last(unit, "User", "root"))
    for key, base in (("Runtime", "/run"), ("State", "/var/lib"), ("Logs", "/var/log")):
        mode = int(last(unit, f"{key}DirectoryMode", "0755"), 8)
        for name in last(unit, f"{key}Directory").split():
            path = Path(base, name)
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(mode)
            os.chown(path, account.pw_uid, account.pw_gid)


def passed_sockets(name: str) -> list[socket.socket]:
    """What the unit's socket unit listens on."""
    path = name.replace(".service", ".socket")
    if not any(Path(folder, path).exists() for folder in FOLDERS):
        return []
    unit, made = read(path), []
    for address in unit.get("ListenStream", []):
        host, _, port = address.rpartition(":")
        one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if last(unit, "ReusePort") == "yes":
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind((host, int(port)))
        one.listen(int(last(unit, "Backlog", "4096")))
        made.append(one)
    return made


def identity(unit: Unit) -> list[str]:
    """The words before a command that make it the user's, with the capabilities that the unit gives."""
    account = pwd.getpwnam(last(unit, "User", "root"))
    words = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--init-groups"]
    if given := last(unit, "AmbientCapabilities").lower().replace("cap_", "+").split():
        words += [f"--inh-caps={','.join(given)}", f"--ambient-caps={','.join(given)}"]
    return [*words, "--"]


def launch(name: str, key: str, sockets: list[socket.socket], **env: str) -> int:
    """Run the commands of a directive in order.  -> the process of the last; a service's is not waited for"""
    unit = read(name)
    numbers = [one.fileno() for one in sockets]
    if limit := int(last(unit, "LimitNOFILE", "0").split(":")[0]):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    pid = 0
    for line in unit.get(key, []):
        words = line.lstrip("-:!+")
        words = shlex.join([*identity(unit), *shlex.split(words)])
        if numbers:  # only the process itself knows its number, which it starts with
            moves = " ".join(f"{FIRST_PASSED + n}<&{number}" for n, number in enumerate(numbers))
            words = f"exec {moves}; LISTEN_FDS={len(numbers)} LISTEN_PID=$$ exec {words}"
        with log_of(name).open("ab") as log:
            process = subprocess.Popen(
                ["/bin/bash", "-c", words if numbers else f"exec {words}"],
                env={**environment(unit), **env},
                cwd=last(unit, "WorkingDirectory", "/").lstrip("-"),
                umask=int(last(unit, "UMask", "0022"), 8),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=numbers,
            )
        pid = process.pid
        is_service = key == "ExecStart" and last(unit, "Type", "simple") != "oneshot"
        if not is_service and process.wait() and not line.startswith("-"):
            sys.exit(f"Job for {name} failed, see {log_of(name)}.")
    return pid


def log_of(name: str) -> Path:
    return Path("/var/log", f"{name}.log")


def pid_of(name: str) -> int:
    """The running process of a service, or 0."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        pid = int((STATE / name).read_text())
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            return pid
    return 0


def start(name: str) -> None:
    if pid_of(name):
        return
    unit = read(name)
    make_folders(unit)
    launch(name, "ExecStartPre", [])
    sockets, env = passed_sockets(name), {}
    ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    if last(unit, "Type") == "notify":
        path = STATE / f"{name}.notify"
        path.unlink(missing_ok=True)
        ready.bind(str(path))
        path.chmod(0o777)
        ready.settimeout(1)
        env["NOTIFY_SOCKET"] = str(path)
    pid = launch(name, "ExecStart", sockets, **env)
    (STATE / name).write_text(str(pid))
    until, said = time.monotonic() + START_S, b""
    while env and b"READY=1" not in said.split(b"\n"):
        if not pid_of(name) or time.monotonic() > until:
            sys.exit(f"Job for {name} failed, see {log_of(name)}.")
        with contextlib.suppress(TimeoutError):
            said = ready.recv(4096)
    launch(name, "ExecStartPost", [])


def stop(name: str) -> None:
    pid, until = pid_of(name), time.monotonic() + seconds(last(read(name), "TimeoutStopSec", "90"))
    if pid:
        os.kill(pid, signal.SIGTERM)
    while pid_of(name) and time.monotonic() < until:
        time.sleep(0.1)
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # what it left behind


def script_of(name: str) -> Path:
    return Path("/etc/init.d", name.removesuffix(".service"))


def run_script(name: str, verb: str) -> bool:
    return not subprocess.run([script_of(name), verb], stdin=subprocess.DEVNULL).returncode


def act(verb: str, name: str) -> None:
    if not name.endswith((".service", ".socket", ".timer")):
        name += ".service"
    file_of(name)
    if script_of(name).exists():
        is_done = verb == "enable" or (verb == "start" and run_script(name, "status"))
        if not is_done and not run_script(name, verb):
            sys.exit(f"Job for {name} failed.")
    elif verb == "enable":
        WANTED.mkdir(parents=True, exist_ok=True)
        (WANTED / name).unlink(missing_ok=True)
        (WANTED / name).symlink_to(file_of(name))
    elif verb == "reload":
        if not pid_of(name):
            sys.exit(f"Unit {name} is not active.")
        launch(name, "ExecReload", [], MAINPID=str(pid_of(name)))
    elif not name.endswith(".service"):
        return  # a socket is opened with its service, and no timer elapses here
    else:
        if verb in ("stop", "restart"):
            stop(name)
        if verb in ("start", "restart"):
            start(name)


def main() -> None:
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    verb, names = words[0], words[1:]
    STATE.mkdir(parents=True, exist_ok=True)
    if verb == "daemon-reload":
        return
    if verb == "start-enabled":  # as after the installation of a package
        verb, names = "start", [path.name for path in WANTED.glob("*.service")]
    elif verb == "list-timers":
        for name in names:
            print(*read(name)["OnCalendar"], name)
        return
    elif verb not in ("enable", "start", "restart", "reload", "stop"):
        sys.exit(f"This stand-in does not know {verb}.")
    for name in names:
        act(verb, name)
    if "--now" in sys.argv:
        for name in names:
            act("start", name)


if __name__ == "__main__":
    main()
