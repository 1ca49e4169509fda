"""Run the steps of deploy/Dockerfile without a container engine, then start the image's command.

The files are a clean copy of what git has, as far as Dockerfile.dockerignore lets them through.  The steps
run as written in a mount namespace in which a new folder is /opt/relay, so this needs root and a base
that is like that of the image: Debian with Python.  At the end the server runs with a read-only root,
without any capability, and the health check of the image must pass.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME, DATA = "/opt/relay", "/var/lib/relay"


def instructions(text: str) -> Iterator[list[tuple[str, str]]]:
    """The instructions of each stage, as (name, rest)."""
    text = re.sub(r"(?m)^#.*\n", "", text)
    lines = re.sub(r"\\\n", " ", text).splitlines()
    stage: list[tuple[str, str]] = []
    for line in filter(str.strip, lines):
        name, _, rest = line.partition(" ")
        if name == "FROM" and stage:
            yield stage
            stage = []
        stage.append((name, rest.strip()))
    yield stage


def context(target: Path) -> None:
    """The files of the build: what git has and Dockerfile.dockerignore does not leave out."""
    rules = (ROOT / "deploy/Dockerfile.dockerignore").read_text(encoding="utf-8").split("\n")
    kept = [rule[1:] for rule in rules if rule.startswith("!")]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if any(name == rule or name.startswith(f"{rule}/") for rule in kept):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def inside(command: str, home: Path, data: Path, read_only: bool = False) -> list[str]:
    """A shell command with ``home`` as /opt/relay and ``data`` as /var/lib/relay."""
    limits = "setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all"
    steps = [
        f"mount -t tmpfs none /opt && mkdir {HOME} && mount --bind {home} {HOME}",
        "mount -t tmpfs none /var/tmp",
        f"mount -t tmpfs none /var/lib && mkdir {DATA} && mount --bind {data} {DATA}",
        *(
            ["mount -o remount,bind,ro /", "mount -o remount,bind,ro /opt/relay"]
            if read_only
            else []
        ),
        f"cd {HOME}",
        f"exec {limits} {command}" if read_only else command,
    ]
    return ["unshare", "--mount", "--propagation", "private", "bash", "-euc", "\n".join(steps)]


def copy(rest: str, source: Path, home: Path) -> None:
    words = shlex.split(rest)
    names, target = words[:-1], words[-1]
    for name in names:
        to = home / target
        if (source / name).is_dir():
            shutil.copytree(source / name, to, dirs_exist_ok=True)
        else:
            to = to / Path(name).name if target.endswith("/") else to
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, to)


def build(folder: Path) -> tuple[Path, list[tuple[str, str]]]:
    """Run the first stage.  -> what is /opt/relay in the image, and the instructions of the second stage"""
    source, home, data = folder / "context", folder / "home", folder / "build-data"
    for path in (source, home, data):
        path.mkdir()
    context(source)
    text = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    _, first, second = list(instructions(text))
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    env |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    env |= {"PIP_QUIET": "2", "PIP_PROGRESS_BAR": "off"}
    for name, rest in first:
        if name == "ENV":
            env |= dict(word.split("=", 1) for word in shlex.split(rest))
        elif name == "COPY":
            copy(rest, source, home)
        elif name == "RUN":
            began = time.monotonic()
            subprocess.run(inside(rest, home, data), env=env, check=True)
            print(f"{time.monotonic() - began:5.1f} s  RUN {rest[:90]}", flush=True)
    for name, rest in second:
        if name == "COPY" and not rest.startswith("--from"):
            copy(rest.replace(f"{HOME}/", ""), source, home)
    return home, second


def start(folder: Path, home: Path, second: list[tuple[str, str]], port: int) -> None:
    """Set up and start the image's command; exits with an error if its health check fails."""
    data = folder / "data"
    data.mkdir(mode=0o700)
    env = {"RELAY_PUBLIC_URL": "https://relay.example.com", "REDIS_URL": "redis://127.0.0.1:1"}
    for name, rest in second:
        if name == "ENV":
            env |= dict(word.split("=", 1) for word in shlex.split(rest))
    env |= {"HOST": "127.0.0.1", "PORT": str(port), "WEB_CONCURRENCY": "1"}
    env |= dict(
        line.split("=", 1)
        for line in subprocess.run(
            [sys.executable, "-c",
             "from relay.services.operations.installation import generate_secrets as g\n"
             "for item in g().items(): print(*item, sep='=')"],
            cwd=ROOT, check=True, capture_output=True, text=True,
        ).stdout.split()
    )  # fmt: skip
    words = dict(second)
    subprocess.run(inside("flask db upgrade", home, data, read_only=True), env=env, check=True)
    server = subprocess.Popen(
        inside(shlex.join(json.loads(words["CMD"])), home, data, read_only=True), env=env
    )
    check = shlex.join(json.loads(words["HEALTHCHECK"].partition(" CMD ")[2]))
    try:
        for _ in range(120):
            done = subprocess.run(
                inside(check, home, data, read_only=True), env=env, capture_output=True, text=True
            )
            if done.returncode == 0 or server.poll() is not None:
                break
            time.sleep(0.5)
        if done.returncode or server.poll() is not None:
            sys.exit(f"The health check of the image failed: {done.stderr.strip()}")
    finally:
        server.terminate()
    if server.wait(20):
        sys.exit(f"The image's command ended with {server.returncode} after SIGTERM.")
    print("The image's command starts, answers its health check and stops.")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="relay-image-") as name:
        home, second = build(Path(name))
        for path in (
            "relay/static/gen/manifest.json",
            "relay/translations/de/LC_MESSAGES/messages.mo",
            "healthcheck.py",
            ".venv/bin/dramatiq",
        ):
            if not (home / path).exists():
                sys.exit(f"The image has no {HOME}/{path}.")
        for path in ("node_modules", "scripts", "tests", "build"):
            if (home / path).exists():
                sys.exit(f"The image has {HOME}/{path}, which it does not need.")
        start(Path(name), home, second, 18765)


if __name__ == "__main__":
    main()
