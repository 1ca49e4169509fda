"""The contract of the real ``flask`` command: exit codes, one line on standard error, JSON only on standard output.

Not the test of one module: it runs the command in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from relay import __version__
from relay.cli import COMMANDS, SECTIONS, all_commands
from relay.launcher.processes import ROOT
from tests.support.env import relay_env
from tests.support.network import free_port


def flask(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flask", *words],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )


def error_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line on standard error of a command that exits with 1."""
    assert (done.returncode, done.stdout) == (1, ""), done
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_only_json_is_on_standard_output(sqlite_url: str, data_dir: Path) -> None:
    done = flask(relay_env(data_dir, DATABASE_URL=sqlite_url), "sources", "list", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"items": [], "total": 0})


def test_wrong_usage_exits_with_2(sqlite_url: str, data_dir: Path) -> None:
    assert flask(relay_env(data_dir, DATABASE_URL=sqlite_url), "sources", "create").returncode == 2


def test_a_wrong_setting_is_one_line_with_its_name(data_dir: Path) -> None:
    assert "RELAY_RETENTION_DAYS" in error_line(
        flask(relay_env(data_dir, RELAY_RETENTION_DAYS="soon"), "users", "list")
    )


def test_a_new_encryption_key_is_printed_without_any_settings(data_dir: Path) -> None:
    env = relay_env(data_dir)
    del env["RELAY_ENCRYPTION_KEYS"]
    done = flask(env, "rotate-encryption-keys", "--new-key")
    assert (done.returncode, len(done.stdout.strip())) == (0, 44), done
    assert "RELAY_ENCRYPTION_KEYS" in error_line(flask(env, "rotate-encryption-keys"))


@pytest.mark.parametrize("words", [("sources", "list", "--json"), ("prune",)])
def test_an_unavailable_database_is_one_line(data_dir: Path, words: tuple[str, ...]) -> None:
    unavailable = f"postgresql://nobody:hidden@127.0.0.1:{free_port()}/none"
    line = error_line(flask(relay_env(data_dir, DATABASE_URL=unavailable), *words))
    assert "database" in line
    assert "hidden" not in line


def test_the_error_of_a_database_without_tables_names_the_command_to_run(data_dir: Path) -> None:
    assert "flask db upgrade" in error_line(flask(relay_env(data_dir), "events", "list"))


@pytest.mark.parametrize(
    "words", [("--help",), ("db", "--help"), ("replays", "--help"), ("keys", "rotate", "--help")]
)
def test_help_needs_no_settings(words: tuple[str, ...]) -> None:
    done = flask({"PATH": os.environ["PATH"]}, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage:" in done.stdout


def test_the_main_help_is_about_relay_and_has_each_command_once() -> None:
    done = flask({"PATH": os.environ["PATH"]}, "--help")
    assert "Operate Relay" in done.stdout
    assert "Flask" not in done.stdout
    assert sorted(name for names in SECTIONS.values() for name in names) == sorted(COMMANDS)
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)


def test_the_version_needs_no_settings() -> None:
    done = flask({"PATH": os.environ["PATH"]}, "version", "--json")
    assert json.loads(done.stdout)["relay"] == __version__


UNUSED = (
    "alembic", "babel.dates", "dramatiq", "liquid", "opentelemetry.sdk", "phonenumbers",
    "prometheus_client", "psycopg", "redis", "requests", "structlog", "webauthn",
    "relay.api", "relay.dashboard", "relay.ingest", "relay.page_extensions",
    "relay.delivery.message", "relay.destinations.kinds.hubspot", "relay.mapping.templates",
)  # fmt: skip
LISTS = (
    ("sources", "list"), ("users", "list"), ("events", "list"), ("deliveries", "list"),
    ("destinations", "list"), ("dead-letters", "list"), ("replays", "list"), ("tokens", "list"),
    ("alerts", "list"), ("alerts", "channels", "list"), ("audit", "list"), ("people", "receipts"),
)  # fmt: skip


def test_no_list_imports_what_it_does_not_use(sqlite_url: str, data_dir: Path) -> None:
    """All in one process: what any of them imports is found, and the modules are imported once."""
    code = f"""
import sys
from flask.cli import cli
sys.argv = ["flask", "sources", "list"]
for words in {LISTS!r}:
    cli.main(list(words), standalone_mode=False)
print(*sys.modules)
import wsgi
wsgi.app.extensions["relay_broker"].prepare()
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=relay_env(data_dir, DATABASE_URL=sqlite_url),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    loaded, with_broker = (line.split() for line in done.stdout.splitlines()[-2:])
    assert {"relay.cli.alert_channels", "relay.cli.dead_letters"} <= set(loaded)
    assert [name for name in UNUSED if name in loaded] == []
    assert "redis" in with_broker and "opentelemetry.sdk.metrics" not in with_broker


def test_words_are_completed_without_settings() -> None:
    asked = {"_FLASK_COMPLETE": "bash_complete", "COMP_WORDS": "flask repl", "COMP_CWORD": "1"}
    done = subprocess.run(
        [Path(sys.executable).with_name("flask")],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]} | asked,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "plain,replays\n"


def test_the_list_of_commands_says_what_the_commands_say() -> None:
    for name, command in all_commands().commands.items():
        assert COMMANDS[name][2] == f"{(command.help or '').partition('.')[0]}.".replace("\n", " ")
