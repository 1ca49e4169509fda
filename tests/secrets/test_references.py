"""Which environment variables and files a reference may read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from relay.errors import SecretUnreadable
from relay.secrets.references import AllowList

SECRET = "a-very-secret-value"
ENV = {"DEST_TOKEN": SECRET, "SECRET_KEY": "own", "AWS_SECRET_ACCESS_KEY": "aws"}


@pytest.fixture
def allowed(tmp_path: Path) -> AllowList:
    """``files`` may be read and has ``token``; ``data`` is the data directory."""
    (tmp_path / "data").mkdir()
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "token").write_text(f"{SECRET}\n")
    return AllowList(tmp_path / "data", tmp_path / "files", "DEST_")


def test_a_variable_with_the_prefix_is_read(allowed: AllowList) -> None:
    assert allowed.read_env("DEST_TOKEN", ENV) == SECRET


@pytest.mark.parametrize(
    ("prefix", "name", "says"),
    [
        ("SECRET_", "SECRET_KEY", "a setting of Relay itself"),
        ("REL", "RELAY_ENCRYPTION_KEYS_FILE", "a setting of Relay itself"),
        ("VAU", "VAULT_TOKEN", "a setting of Relay itself"),
        ("DATA", "DATABASE_URL", "a setting of Relay itself"),
        ("DEST_", "AWS_SECRET_ACCESS_KEY", "only names that begin with DEST_"),
        ("DEST_", "DEST_OTHER", "not set where Relay runs"),
        ("DEST_", "DEST_LINES", "more than one line"),
        ("", "DEST_TOKEN", "turned off. Let the operator set RELAY_SECRET_ENV_PREFIX"),
    ],
)
def test_other_variables_are_not(prefix: str, name: str, says: str, tmp_path: Path) -> None:
    env = ENV | {"VAULT_TOKEN": "v", "DATABASE_URL": "d", "DEST_LINES": "a\r\nX-Admin: yes"}
    with pytest.raises(SecretUnreadable, match=says):
        AllowList(tmp_path, tmp_path, prefix).read_env(name, env)


def test_a_file_in_the_directory_is_read_without_its_newline(allowed: AllowList) -> None:
    assert allowed.files_dir is not None
    assert allowed.read_file(allowed.files_dir / "token", {}) == SECRET
    (allowed.files_dir / "link").symlink_to("token")  # as Kubernetes mounts secrets
    assert allowed.read_file(allowed.files_dir / "link", {}) == SECRET


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("other/file", "is not in .*RELAY_SECRET_FILES_DIR"),
        ("files/../other/file", "is not in .*RELAY_SECRET_FILES_DIR"),
        ("files/leads-out", "is not in .*RELAY_SECRET_FILES_DIR"),
        ("files2/file", "is not in .*RELAY_SECRET_FILES_DIR"),
        ("data/secrets.env", "belongs to Relay or the system"),
        ("files/leads-to-data", "belongs to Relay or the system"),
        ("files/key", "belongs to Relay or the system"),  # SECRET_KEY_FILE names it
        ("files/same-as-key", "belongs to Relay or the system"),  # a hard link
        ("/proc/self/environ", "belongs to Relay or the system"),
        ("files/lines", "more than one line"),
        ("files/empty", "is empty"),
        ("files/none", "cannot be read .No such file"),
        ("files/pipe", "cannot be read"),
        ("files/round", "cannot be read"),
        ("files/large", "cannot be read"),
        ("files", "is not in|cannot be read"),
    ],
)
def test_other_files_are_not(at: str, says: str, allowed: AllowList, tmp_path: Path) -> None:
    files = tmp_path / "files"
    for folder in ("other", "files2"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").write_text("x")
    (tmp_path / "data" / "secrets.env").write_text("SECRET_KEY=own")
    (files / "leads-out").symlink_to(tmp_path / "other" / "file")
    (files / "leads-to-data").symlink_to(tmp_path / "data" / "secrets.env")
    (files / "key").write_text("own")
    os.link(files / "key", files / "same-as-key")
    (files / "lines").write_text("one\ntwo\n")
    (files / "empty").write_text("\n")
    (files / "large").write_text("x" * 70_000)
    os.mkfifo(files / "pipe")
    (files / "round").symlink_to("round")
    with pytest.raises(SecretUnreadable, match=says):
        allowed.read_file(tmp_path / at, {"SECRET_KEY_FILE": str(files / "key")})


def test_the_data_directory_is_refused_even_inside_the_allowed_one(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "relay.db").write_text("x")
    with pytest.raises(SecretUnreadable, match="belongs to Relay"):
        AllowList(tmp_path / "data", tmp_path, "").read_file(tmp_path / "data" / "relay.db", {})


def test_without_a_directory_no_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(SECRET)
    with pytest.raises(SecretUnreadable, match=r"Let the operator set RELAY_SECRET_FILES_DIR"):
        AllowList(tmp_path / "data").read_file(tmp_path / "token", {})


def test_a_file_may_have_65536_bytes_and_its_name_is_in_the_sentence(allowed: AllowList) -> None:
    assert allowed.files_dir is not None
    path = allowed.files_dir / "large"
    path.write_text("x" * 65_536)
    assert allowed.read_file(path, {}) == "x" * 65_536
    path.write_text("x" * 65_537)
    with pytest.raises(SecretUnreadable) as refused:
        allowed.read_file(path, {})
    assert str(refused.value) == (
        f"The secret refers to {path}, which cannot be read (ValueError)."
    )
    path.write_text("X \n\r\n")
    assert allowed.read_file(path, {}) == "X ", "only line ends are cut"
    path.write_text("a\nb")
    with pytest.raises(SecretUnreadable, match=f"refers to {path}, which has more than one line"):
        allowed.read_file(path, {})
    with pytest.raises(SecretUnreadable, match="refers to DEST_LINES, which has more than one"):
        allowed.read_env("DEST_LINES", {"DEST_LINES": "a\nb"})
