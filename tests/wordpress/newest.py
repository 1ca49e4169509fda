"""The newest WordPress that Debian has, unpacked in a folder of its own: nothing is installed.

    python -m tests.wordpress.newest

Debian's stable release keeps one WordPress for years, so the packages come from unstable, or from the next release if
that is not complete at the moment.  Without a mirror that has them, the tests run on WordPress 6.5 from npm, and say so.
Needs apt-get and dpkg.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "build" / "wordpress"
ROOT = FOLDER / "root"
CORE = ROOT / "usr/share/wordpress"
MIRROR = "http://deb.debian.org/debian"
SUITES = ("sid", "sid", "trixie")  # a mirror that is being updated fails once
# WordPress, its theme, and the libraries that Debian's package links to.
PACKAGES = ("wordpress", "wordpress-theme-twentytwentyfive", "php-getid3", "libphp-phpmailer", "libjs-cropper",
            "libjs-jquery-ui", "libjs-lodash", "libjs-underscore")  # fmt: skip
SETTINGS = """Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "-";
Dir::State "{folder}/state";
Dir::State::status "/dev/null";
Dir::Cache "{folder}/cache";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
APT::Sandbox::User "root";
"""


def fetch() -> str | None:
    """Unpack it, unless that was done before.  -> its version, None if no mirror has it"""
    FOLDER.parent.mkdir(exist_ok=True)
    with FOLDER.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes start at once
        _fetch()
    if not CORE.exists():
        return None
    text = (CORE / "wp-includes/version.php").read_text()
    return text.partition("$wp_version = '")[2].partition("'")[0]


def _fetch() -> None:
    if not (FOLDER / "done").exists():
        failures: list[str] = []
        for suite in SUITES:
            failure = _unpack(suite)
            if not failure:
                break
            failures.append(failure)
            print(failure)
        if len(failures) == len(SUITES):
            shutil.rmtree(ROOT)  # it may be incomplete
        (FOLDER / "done").touch()


def _unpack(suite: str) -> str:
    """-> why it could not be unpacked, or an empty text"""
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name in ("state/lists/partial", "cache/archives/partial", "archives", "root"):
        (FOLDER / name).mkdir(parents=True)
    (FOLDER / "apt.conf").write_text(SETTINGS.format(folder=FOLDER))
    (FOLDER / "sources.list").write_text(f"deb {MIRROR} {suite} main\n")
    archives = FOLDER / "archives"
    try:
        _run(["apt-get", "update", "-qq"], FOLDER)
        _run(["apt-get", "download", "-qq", *PACKAGES], archives)
        for archive in archives.glob("*.deb"):
            _run(["dpkg", "-x", str(archive), str(ROOT)], FOLDER)
        (CORE / ".htaccess").unlink(missing_ok=True)  # leads to a file of an installed package
    except (OSError, subprocess.SubprocessError) as error:
        return f"{suite}: {error}"
    return ""


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "APT_CONFIG": str(FOLDER / "apt.conf")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")


if __name__ == "__main__":
    found = fetch()
    print(
        f"WordPress {found} is in {FOLDER}." if found else "The tests run on WordPress 6.5 instead."
    )
