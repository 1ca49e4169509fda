"""A command of root leaves no file in the data directory that its owner cannot write."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from relay.launcher.processes import ROOT
from tests.support.env import relay_env

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv"
)
# The user changes and the rights of root stay, so that Python may be in root's home.
KEEPS_RIGHTS = ("--securebits", "+no_setuid_fixup")
CANNOT_CHANGE = ("--bounding-set=-setuid", "--inh-caps=-setuid")


def flask(
    data_dir: Path, options: tuple[str, ...], *words: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["setpriv", *options, sys.executable, "-m", "flask", *words],
        cwd=ROOT,
        env=relay_env(data_dir, RELAY_BACKUP_TO=str(data_dir / "backups")),
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def owned(tmp_path: Path) -> Path:
    """A data directory of another user."""
    data_dir = tmp_path / "data"
    (data_dir / "backups").mkdir(parents=True)
    nobody = pwd.getpwnam("nobody")
    for path in (data_dir, data_dir / "backups"):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    return data_dir


def test_a_command_of_root_makes_files_of_the_owner(owned: Path) -> None:
    for words in (("db", "upgrade"), ("backup", "run")):
        done = flask(owned, KEEPS_RIGHTS, *words)
        assert done.returncode == 0, done.stderr
    made = list(owned.rglob("*"))
    assert {"relay.db", "backup-spool"} <= {path.name for path in made}
    assert {path.owner() for path in made} == {"nobody"}
    assert {path.stat().st_gid for path in made} == {pwd.getpwnam("nobody").pw_gid}


def test_root_that_may_not_change_its_user_is_told_what_to_run(owned: Path) -> None:
    done = flask(owned, CANNOT_CHANGE, "users", "list")
    assert done.returncode == 1 and "sudo -E -u 'nobody' flask" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(owned.glob("*.db*"))
