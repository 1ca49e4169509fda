"""What is released can be installed without the sources, and a version that is not ready is refused."""

from __future__ import annotations

import subprocess
import sysconfig
import zipfile
from pathlib import Path

import pytest

from scripts import release
from scripts.check_versions import version


def test_the_wheel_sets_up_a_database_starts_and_answers(tmp_path: Path) -> None:
    wheel = release.build_packages(version(release.ROOT), tmp_path)
    names = zipfile.ZipFile(wheel).namelist()
    assert "migrations/versions/0001_first_tables.py" in names
    assert {"docs/operate.md", "wp-plugin/relay-connector/relay-connector.php"} <= set(names)
    assert [name for name in names if name.startswith("tests/") or name.endswith(".pyc")] == []
    release.try_wheel(wheel, Path(sysconfig.get_paths()["purelib"]))


def test_a_version_that_is_not_ready_is_refused(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=Jane", "-c", "user.email=jane@example.com")
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    def refusal() -> str:
        with pytest.raises(SystemExit) as said:
            release.check_state("1.2.0", tmp_path)
        return str(said.value)

    git("init")
    changes = tmp_path / "CHANGELOG.md"
    changes.write_text("# Changes\n\n## 1.2.0 (unreleased)\n")
    assert "Commit or remove these files first" in refusal()
    git("add", ".")
    git("commit", "-m", "one")
    assert "no section with a date" in refusal()
    changes.write_text("# Changes\n\n## 1.2.0 (2026-12-01)\n")
    git("commit", "-am", "two")
    release.check_state("1.2.0", tmp_path)
    git("tag", "v1.2.0")
    assert "The tag v1.2.0 exists already" in refusal()
