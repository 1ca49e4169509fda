"""The version in pyproject.toml is the only source; every other file must have the same one."""

import shutil
from pathlib import Path

import pytest

from scripts import check_versions

FILES = (
    "pyproject.toml",
    "package.json",
    "relay/__init__.py",
    *check_versions.PLACES,
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files with a version, in a folder of their own."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(check_versions.ROOT / name, tmp_path / name)
    return tmp_path


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_repository_has_one_version():
    assert list(check_versions.differences(check_versions.ROOT)) == []


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("wp-plugin/relay-connector/relay-connector.php", " * Version:           "),
        ("wp-plugin/relay-connector/relay-connector.php", "'RELAY_CONNECTOR_VERSION', '"),
        ("wp-plugin/relay-connector/readme.txt", "Stable tag: "),
        ("relay/__init__.py", '__version__ = "'),
    ],
)
def test_a_different_version_is_found_and_can_be_written(copy, name, before):
    version = check_versions.version(copy)
    replace(copy / name, before + version, before + "9.9.9")
    [line] = check_versions.differences(copy)
    assert line == f"{name}: 9.9.9 is not {version}, the version in pyproject.toml"
    assert check_versions.main(copy, []) == 1
    assert check_versions.main(copy, ["--write"]) == 0
    assert before + version in (copy / name).read_text()


def test_a_version_in_package_json_is_checked_too(copy):
    replace(copy / "package.json", "{\n", '{\n  "version": "0.0.1",\n')
    assert [line.split(":")[0] for line in check_versions.differences(copy)] == ["package.json"]


def test_a_file_without_its_version_is_found(copy):
    version = check_versions.version(copy)
    replace(copy / check_versions.PLUGIN / "readme.txt", f"Stable tag: {version}\n", "")
    [line] = check_versions.differences(copy)
    assert "readme.txt: no version found" in line


def test_a_new_version_is_written_everywhere(copy):
    replace(copy / "pyproject.toml", check_versions.version(copy), "7.0.0")
    assert check_versions.main(copy, []) == 1
    assert check_versions.main(copy, ["--write"]) == 0
    assert list(check_versions.differences(copy)) == []
    assert "Stable tag: 7.0.0\n" in (copy / check_versions.PLUGIN / "readme.txt").read_text()
