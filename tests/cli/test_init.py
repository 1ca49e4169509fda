"""``flask init`` in an environment without any settings, in processes of its own."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from relay.services.operations.installation import read_env_file
from tests.support.env import ENCRYPTION_KEY, SECRET_KEY

ROOT = Path(__file__).resolve().parents[2]


def flask(
    *words: object, settings: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command with these settings and no others."""
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "flask", *map(str, words)],
        cwd=ROOT,
        env=env | (settings or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def set_up(folder: Path, *more: object) -> dict[str, Any]:
    words = ("--env-file", folder / "relay.env", "--data-dir", folder / "data", *more, "--json")
    done = flask("init", *words)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_without_any_settings_it_writes_them_and_the_commands_work_with_them(
    tmp_path: Path, database_url: str
) -> None:
    found = set_up(
        tmp_path, "--database-url", database_url, "--public-url", "https://relay.example"
    )
    path = tmp_path / "relay.env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert found["env_file"] == str(path)
    assert found["generated"] == ["RELAY_ENCRYPTION_KEYS", "SECRET_KEY"]
    assert found["first_run_url"].startswith("https://relay.example/first-run/")
    assert "secret" not in found["database"]
    settings = read_env_file(path)
    assert settings["DATABASE_URL"] == database_url
    listed = flask("users", "list", "--json", settings=settings)
    assert json.loads(listed.stdout) == {"items": [], "total": 0}
    shell = subprocess.run(
        ["sh", "-c", f"set -a; . {shlex.quote(str(path))}; env"], capture_output=True, text=True
    )
    assert f"DATABASE_URL={database_url}\n" in shell.stdout


def test_a_second_run_keeps_the_keys_and_the_other_lines_and_changes_what_is_asked(
    tmp_path: Path,
) -> None:
    set_up(tmp_path)
    path = tmp_path / "relay.env"
    before = read_env_file(path)
    path.write_text(f"# our notes\n{path.read_text()}TZ=Europe/Zurich\n")
    again = set_up(tmp_path, "--port", "8123", "--public-url", "https://relay.example/a b;c")
    assert again["generated"] == []
    after = read_env_file(path)
    assert after == before | {
        "PORT": "8123",
        "RELAY_PUBLIC_URL": "https://relay.example/a b;c",
        "TZ": "Europe/Zurich",
    }
    assert path.read_text().startswith("# our notes\n")


@pytest.mark.parametrize(
    ("words", "sentence", "is_written"),
    [
        (["--database-url", "mysql://x@y/z"], "DATABASE_URL", False),
        (["--port", "many"], "PORT must be a whole number", False),
        (["--database-url", "postgresql://relay:hush@127.0.0.1:1/relay"], "cannot use the database", True),
        (["--redis-url", "redis://127.0.0.1:1/0"], "cannot use the broker", True),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, words: list[str], sentence: str, is_written: bool
) -> None:
    path = tmp_path / "relay.env"
    done = flask("init", "--env-file", path, "--data-dir", tmp_path / "data", *words)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "hush" not in done.stderr
    assert path.exists() == is_written
    assert (str(path) in done.stderr) == is_written


def test_a_line_that_is_no_setting_is_named_and_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "relay.env"
    path.write_text("PORT=8000\nthis is not a setting\n")
    done = flask("init", "--env-file", path, "--data-dir", tmp_path / "data")
    assert done.returncode == 1
    assert "line 2" in done.stderr
    assert path.read_text() == "PORT=8000\nthis is not a setting\n"


def test_without_settings_another_command_says_how_to_get_them(tmp_path: Path) -> None:
    done = flask("doctor", settings={"RELAY_DATA_DIR": str(tmp_path)})
    assert done.returncode == 1
    assert "flask init" in done.stderr


def test_a_database_with_secrets_of_another_key_is_refused(tmp_path: Path) -> None:
    """The file with the key was lost."""
    set_up(tmp_path)
    path = tmp_path / "relay.env"
    words = ("Shop", "--url", "https://shop.example.com")
    assert flask("sources", "create", *words, settings=read_env_file(path)).returncode == 0
    path.unlink()
    done = flask("init", "--env-file", path, "--data-dir", tmp_path / "data")
    assert done.returncode == 1
    assert "cannot decrypt the secrets" in done.stderr
    assert "set RELAY_ENCRYPTION_KEYS of that one" in done.stderr


def test_for_compose_it_writes_all_settings_once_and_connects_to_nothing(tmp_path: Path) -> None:
    words = ("init", "--compose", "--env-file", tmp_path / ".env")
    assert "--public-url" in flask(*words).stderr
    done = flask(*words, "--public-url", "https://relay.example")
    assert done.returncode == 0 and "docker compose up" in done.stdout, done.stderr
    first = read_env_file(tmp_path / ".env")
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    password = first["POSTGRES_PASSWORD"]
    assert first["DATABASE_URL"] == f"postgresql://relay:{password}@postgres/relay"
    assert len(first["RELAY_BACKUP_PASSPHRASE"]) >= 32
    used = re.findall(r"\$\{(\w+):\?", (ROOT / "deploy/compose.yaml").read_text())
    assert set(used) <= first.keys()
    assert flask(*words).returncode == 0
    assert read_env_file(tmp_path / ".env") == first, "a repetition changes no key"


def test_without_a_file_it_sets_up_the_tables_with_the_settings_of_the_environment(
    tmp_path: Path,
) -> None:
    settings = {
        "RELAY_DATA_DIR": str(tmp_path / "data"),
        "RELAY_PUBLIC_URL": "https://relay.example",
    }
    assert "SECRET_KEY is not set" in flask("init", "--no-file", settings=settings).stderr
    settings |= {"SECRET_KEY": SECRET_KEY, "RELAY_ENCRYPTION_KEYS": ENCRYPTION_KEY}
    done = flask("init", "--no-file", settings=settings)
    assert "https://relay.example/first-run/" in done.stdout, done.stderr
    assert list(tmp_path.glob("**/*.env")) == []
