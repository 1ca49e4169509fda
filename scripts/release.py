"""Check that this version can be released, and build what is released, in dist/.

The version is the same everywhere and has a dated section in CHANGELOG.md; nothing is uncommitted.  Then the
plugin's zip, the bill of materials, an sdist and a wheel are built.  The wheel is installed in a new
environment, sets up a database, starts, and answers.  ``--allow-dirty`` skips the check of git and of the date.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
DIST = ROOT / "dist"
DATED = r"(?m)^## {} \(?(\d{{4}}-\d{{2}}-\d{{2}})\)?$"


def run(*words: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(list(map(str, words)), cwd=cwd, env=env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def check_state(version: str, root: Path = ROOT) -> None:
    if left := run("git", "status", "--porcelain", cwd=root).strip():
        sys.exit(f"Commit or remove these files first:\n{left}")
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(DATED.format(re.escape(version)), text):
        sys.exit(f"CHANGELOG.md has no section with a date: ## {version} (YYYY-MM-DD)")
    if run("git", "tag", "--list", f"v{version}", cwd=root).strip():
        sys.exit(f"The tag v{version} exists already. Set a new version in pyproject.toml.")


def build_packages(version: str, target: Path) -> Path:
    """The sdist and from it the wheel, of what git has and the built assets.  -> the wheel"""
    for old in target.glob("relay-*"):
        old.unlink()
    with tempfile.TemporaryDirectory(prefix="relay-release-") as name:
        copy = Path(name)
        for one in filter(None, run("git", "ls-files", "-z").split("\0")):
            if (ROOT / one).is_file():
                (copy / one).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / one, copy / one)
        shutil.copytree(ROOT / "relay/static/gen", copy / "relay/static/gen")
        for built in (ROOT / "relay/translations").rglob("*.mo"):
            shutil.copy2(built, copy / built.relative_to(ROOT))
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", target, cwd=copy)
    wheel = target / f"relay-{version}-py3-none-any.whl"
    if not wheel.exists() or not (target / f"relay-{version}.tar.gz").exists():
        sys.exit(f"{target} has no sdist and wheel of {version}.")
    return wheel


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def try_wheel(wheel: Path, installed: Path | None = None) -> None:
    """Install the wheel in a new environment, away from the sources, and start it.

    ``installed``: take Relay's dependencies from this environment instead of installing them.
    """
    with tempfile.TemporaryDirectory(prefix="relay-wheel-") as name:
        folder = Path(name)
        venv.create(folder / "venv", with_pip=installed is None)
        python = folder / "venv/bin/python"
        if installed is None:
            pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
            run(*pip, "--require-hashes", "-r", ROOT / "requirements.txt")
            run(*pip, "--no-deps", wheel)
        else:
            packages = next((folder / "venv/lib").glob("python*/site-packages"))
            (packages / "dependencies.pth").write_text(f"{installed}\n", encoding="utf-8")
            own = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
            run(*own, "--no-deps", "--no-index", "--target", packages, wheel)
        port = str(free_port())
        env = {
            "PATH": os.defpath,
            "HOME": name,
            "FLASK_APP": "wsgi",
            "RELAY_DATA_DIR": str(folder / "data"),
            "PORT": port,
            "REDIS_URL": "redis://127.0.0.1:1",
        }
        settings = ("from relay.services.operations.installation import generate_secrets\n"
                    "import json; print(json.dumps(generate_secrets()))")  # fmt: skip
        env |= json.loads(run(python, "-c", settings, cwd=folder, env=env))
        said = run(
            python, "-m", "flask", "init", "--no-file", cwd=folder, env=env | {"REDIS_URL": ""}
        )
        if "/first-run/" not in said:
            sys.exit(f"flask init printed no link:\n{said}")
        server = subprocess.Popen([python, "-m", "relay.web.server"], cwd=folder, env=env)
        try:
            for path, expected in (
                ("/readyz", b"ready"),
                ("/sign-in", b"/static/gen/app."),
                ("/sign-in", b"Willkommen"),  # the translations are there
            ):
                if expected not in answer(f"http://127.0.0.1:{port}{path}", server):
                    sys.exit(f"{path} of the installed wheel has no {expected!r}.")
        finally:
            server.terminate()
            server.wait(20)
    print(f"{wheel.name} is installed, starts and answers.")


def answer(url: str, server: subprocess.Popen[bytes]) -> bytes:
    request = urllib.request.Request(url, headers={"Accept-Language": "de"})
    for _ in range(300):
        if server.poll() is not None:
            sys.exit(f"The server of the wheel ended with {server.returncode}.")
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return bytes(response.read())
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{url} does not answer.")


def main() -> None:
    from scripts.check_versions import version as version_of

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--allow-dirty", action="store_true")
    options = parser.parse_args()
    version = version_of(ROOT)
    if not options.allow_dirty:
        check_state(version)
    DIST.mkdir(exist_ok=True)
    print(run(sys.executable, "scripts/check_versions.py").strip())
    run(sys.executable, "scripts/build_plugin.py")
    run(sys.executable, "scripts/write_sbom.py")
    wheel = build_packages(version, DIST)
    try_wheel(wheel)
    names = sorted(path for path in DIST.iterdir() if path.is_file() and path.name != "SHA256SUMS")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in names]
    (DIST / "SHA256SUMS").write_text("\n".join(sums) + "\n", encoding="utf-8")
    print("\n".join(sums))
    print(f"Relay {version} can be released. Tag it: git tag -s v{version}")


if __name__ == "__main__":
    main()
