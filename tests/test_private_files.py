"""No other user can read Relay's files, whatever the umask was and whoever made the folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from relay.private_files import mode_of, open_to_others, restrict_old_files
from tests.support.stack import Stack


def make_open(data_dir: Path) -> list[Path]:
    """Files and folders as an older version, or another umask, left them."""
    made = []
    for name in ("relay.db", "relay.db-wal", "secrets.env", "logs/web.log", "valkey/a.aof"):
        path = data_dir / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        path.chmod(0o644)
        path.parent.chmod(0o755)
        made.append(path)
    return made


def test_old_files_lose_the_rights_of_others(tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.touch(mode=0o644)
    made = make_open(tmp_path)
    (tmp_path / "link").symlink_to(outside)
    assert set(made) < set(open_to_others(tmp_path))
    restrict_old_files(tmp_path)
    assert not list(open_to_others(tmp_path))
    assert {mode_of(path) for path in made} == {0o600}
    assert mode_of(tmp_path) == mode_of(tmp_path / "logs") == 0o700
    assert mode_of(outside) & 0o044
    assert restrict_old_files(tmp_path / "none") == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_process_makes_private_files_only(database_url: str, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        data_dir = tmp_path / "data"
        stack = Stack(data_dir, database_url, f"unix://{tmp_path}/none.sock")
        make_open(data_dir)
        for name in ("web", "worker", "scheduler"):
            data_dir.chmod(0o755)
            stack.start(name)
            stack.wait_for(lambda: not list(open_to_others(data_dir)), 30, name)
            (data_dir / "metrics").mkdir(exist_ok=True)
        backup = tmp_path / "backup"
        stack.flask("backup", str(backup))
        assert mode_of(backup) == 0o600
    finally:
        os.umask(before)
        stack.close()
