"""Follow docs/install-debian.md on a new Debian, up to a delivered event, and print the time of each step.

For each release, ``debootstrap`` makes a new system in a folder.  One root shell in it gets the command blocks
of the page in their order, with another NAME, CODE and SITE, and the page's promises (“prints …”) are checked
against what the commands print.  Three things are not as on a server: ``systemctl`` is
scripts/systemctl_stand_in.py, the code is the last commit of this repository, and the certificate of
relay.localhost is from Caddy's own authority, which this makes the new system trust.

It needs root, debootstrap, the mirror of this machine's apt, and the ports 80, 443, 5432, 6379 and 8000.
It fails if a command fails, a promise is broken, or a release takes longer than 30 minutes.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/install-debian.md"
RELEASES = ("bookworm", "trixie")
LIMIT_S = 30 * 60
NAME = "relay.localhost"
VALUES = {"NAME": NAME, "CODE": "/srv/relay.git", "SITE": "https://shop.example.com"}
PORTS = (80, 443, 5432, 6379, 8000)
AUTHORITIES = Path("/usr/local/share/ca-certificates")
CADDY_ROOT = "/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt"
MARK = "-- step:"
# What happens by itself, or by a person, between the steps of the page.
AFTER = {
    # systemd starts what a package brings
    "Packages": "systemctl start-enabled",
    # a real certificate is trusted everywhere
    "HTTPS": f"until cp {CADDY_ROOT} {AUTHORITIES}/caddy.crt 2>/dev/null; do sleep 0.2; done\n"
    "update-ca-certificates >/dev/null",
}


@dataclass
class Step:
    """A section of the page.  ``promises``: what its commands print."""

    title: str
    code: list[str] = field(default_factory=list)
    promises: list[str] = field(default_factory=list)
    seconds: float = 0.0
    output: str = ""


def steps(text: str) -> Iterator[Step]:
    """The sections with commands.  A block below ``<!-- alternative -->`` is not run."""
    for section in re.split(r"(?m)^## ", text)[1:]:
        step = Step(re.sub(r"^\d+\. ", "", section.partition("\n")[0]))
        blocks = re.findall(r"(?m)^(<!-- alternative -->\n)?```\n((?:.*\n)*?)```$", section)
        step.code = [code for alternative, code in blocks if not alternative]
        prose = re.sub(r"(?m)^```\n(?:.*\n)*?```$", "", section)
        step.promises = re.findall(r"prints `([^`]+)`", prose)
        if step.code:
            yield step


def values(text: str) -> str:
    """The block above the first section, with the values of this trial."""
    (block,) = re.findall(r"(?m)^```\n((?:.*\n)*?)```$", text.partition("\n## ")[0])
    for name, value in VALUES.items():
        block, count = re.subn(rf"(?m)^{name}=\S+", f"{name}={value}", block)
        if count != 1:
            sys.exit(f"{PAGE.name} does not set {name} once.")
    return str(block)


def script(text: str, valkey: bool) -> tuple[str, list[Step]]:
    found = list(steps(text))
    lines = ["set -euo pipefail", values(text)]
    for step in found:
        code = "\n".join(step.code)
        if valkey and step.title in ("Packages", "The broker"):
            code = code.replace("redis", "valkey")
        lines += [f"echo '{MARK} {step.title}'", code, AFTER.get(step.title, "")]
    return "\n".join(lines), found


def mirror() -> str:
    """Where this machine gets Debian from."""
    words = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Label: Debian"]
    listed = subprocess.run([*words, "Created-By: Packages"], capture_output=True, text=True)
    return (listed.stdout.split() or ["http://deb.debian.org/debian"])[0]


def bare_system(folder: Path, release: str, bases: Path | None) -> None:
    """A new Debian in ``folder``; unpacked from ``bases`` if it is kept there."""
    kept = bases / f"{release}.tar" if bases else None
    if kept and kept.exists():
        subprocess.run(["tar", "-x", "-p", "-f", kept, "-C", folder], check=True)
        return
    words = ["debootstrap", release, str(folder), mirror()]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    if kept:
        subprocess.run(["tar", "-c", "-f", kept, "-C", folder, "."], check=True)


def prepare(folder: Path, release: str, bases: Path | None) -> None:
    """A bare Debian, this repository, and this machine's way to the package registries."""
    bare_system(folder, release, bases)
    shutil.copy(ROOT / "scripts/systemctl_stand_in.py", folder / "usr/local/bin/systemctl")
    (folder / "usr/local/bin/systemctl").chmod(0o755)
    clone = ["git", "clone", "--quiet", "--bare", "--no-local", ROOT, folder / "srv/relay.git"]
    subprocess.run(list(map(str, clone)), check=True)
    shutil.copy("/etc/resolv.conf", folder / "etc/resolv.conf")
    (folder / "etc/hosts").write_text(f"127.0.0.1 localhost {NAME}\n", encoding="utf-8")
    if AUTHORITIES.is_dir():
        shutil.copytree(AUTHORITIES, folder / str(AUTHORITIES)[1:], dirs_exist_ok=True)


def shell(folder: Path) -> list[str]:
    """A root shell in ``folder``; all that it started ends with it."""
    env = {"HOME": "/root", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    env |= {"NODE_EXTRA_CA_CERTS": "/etc/ssl/certs/ca-certificates.crt"}
    env |= {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    mounts = (
        f"mount --rbind /dev {folder}/dev",
        f"mount -t tmpfs -o mode=1777 none {folder / 'dev' / 'shm'}",
        f"mount -t proc none {folder}/proc",
        f"mount -t tmpfs none {folder}/run",
    )
    words = ["env", "-i", *(f"{name}={value}" for name, value in env.items())]
    inside = " ".join(["exec chroot", str(folder), *words, "bash -s"])
    return [
        "unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child",
        "--propagation", "private", "bash", "-ec", "\n".join([*mounts, inside]),
    ]  # fmt: skip


def follow(folder: Path, valkey: bool, is_verbose: bool) -> list[Step]:
    """Run the commands of the page.  -> the steps with their times; exits with an error if one fails"""
    code, found = script(PAGE.read_text(encoding="utf-8"), valkey)
    waiting, step, began = list(found), Step("values"), time.monotonic()
    with subprocess.Popen(
        shell(folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace",
    ) as process:  # fmt: skip
        assert process.stdin and process.stdout
        process.stdin.write(f"{{\n{code}\n}} </dev/null\nexit 0\n")  # read whole before it runs
        process.stdin.close()
        for line in process.stdout:
            if line.startswith(MARK):
                step.seconds, began = time.monotonic() - began, time.monotonic()
                step = waiting.pop(0)
            step.output += line
            if is_verbose:
                print(line, end="", flush=True)
    step.seconds = time.monotonic() - began
    if process.returncode:
        logs = sorted((folder / "var/log").glob("relay-*.log"))
        said = "".join(f"\n{log.name}: {log.read_text()[-2000:]}" for log in logs)
        sys.exit(f"“{step.title}” failed with {process.returncode}:\n{step.output[-4000:]}{said}")
    for step in found:
        for promise in step.promises:
            if promise not in step.output:
                sys.exit(f"“{step.title}” did not print {promise}:\n{step.output[-4000:]}")
    return found


def try_release(release: str, options: argparse.Namespace) -> None:
    place = Path(tempfile.mkdtemp(prefix=f"relay-{release}-"))
    folder = place / "debian"
    try:
        folder.mkdir()
        prepare(folder, release, options.bases)
        print(f"{release} with {'Valkey' if options.valkey else 'Redis'}:", flush=True)
        found = follow(folder, options.valkey, options.verbose)
    finally:
        subprocess.run(["rm", "-rf", place], check=True)
    for step in found:
        print(f"{step.seconds:7.1f} s  {step.title}")
    total = sum(step.seconds for step in found)
    print(f"{total:7.1f} s  in all\n", flush=True)
    if total > LIMIT_S:
        sys.exit("That is longer than 30 minutes.")


def busy_ports() -> list[int]:
    found = []
    for port in PORTS:
        with socket.socket() as one:
            if not one.connect_ex(("127.0.0.1", port)):
                found.append(port)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("releases", nargs="*", default=RELEASES, metavar="RELEASE")
    parser.add_argument(
        "--valkey", action="store_true", help="Valkey instead of Redis; not in bookworm"
    )
    parser.add_argument(
        "--bases", type=Path, help="keep the bare systems in this folder, for the next time"
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="print what the commands print"
    )
    options = parser.parse_args()
    if os.getuid() or not shutil.which("debootstrap"):
        sys.exit("This needs root and debootstrap.")
    if busy := busy_ports():
        sys.exit(f"Something listens on {busy}, which the new system needs.")
    for release in options.releases:
        try_release(release, options)


if __name__ == "__main__":
    main()
