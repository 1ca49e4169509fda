"""The pages for operators name every alert rule, and only commands, options and alerts that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import psycopg
import pytest

from relay.cli import all_commands
from relay.launcher.processes import ROOT
from relay.rules.alerts import RULES
from tests.support.databases import migrate
from tests.support.env import relay_env
from tests.support.postgres import PostgresServer

PAGES = (
    "disaster-recovery",
    "hardening",
    "install-debian",
    "runbook",
    "several-hosts",
    "upgrade",
)
PARTS = ("**Side**: ", "1. ", "2. ", "3. ", "**Ends** ")
# A command in code: a verb is in lower case, what a person replaces is in capitals.
COMMAND = re.compile(r"(?:^|[ `/])flask ([a-z][^`\n]*)", re.MULTILINE)
OF_MIGRATE = ("db", "…")


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def code_of(text: str) -> str:
    """What is in code blocks and between backquotes, one piece a line."""
    text = text.replace("\\\n", " ")
    pieces = re.findall(r"^ *```\n(.*?)^ *```|`([^`]+)`", text, re.MULTILINE | re.DOTALL)
    return "\n".join(block or span.replace("\n", " ") for block, span in pieces)


def wrong_word(words: list[str]) -> str:
    """The first word that is no command or no option of it; empty if all are."""
    command: click.Command = all_commands()
    while words and isinstance(command, click.Group):
        found = command.commands.get(words[0])
        if found is None:
            return words[0] if words[0].islower() and not words[0].startswith("-") else ""
        command, words = found, words[1:]
    options = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    return next(
        (word for word in words if word[:2] == "--" and word not in {*options, "--help"}), ""
    )


def test_each_alert_rule_has_a_section_with_its_parts() -> None:
    sections = dict(
        re.findall(r"^### (.+?)\n\n(.*?)(?=^##|\Z)", page("runbook"), re.MULTILINE | re.DOTALL)
    )
    assert set(sections) == {f"{rule.label} (`{name}`)" for name, rule in RULES.items()}
    for title, text in sections.items():
        for part in PARTS:
            assert re.search(rf"^{re.escape(part)}", text, re.MULTILINE), f"{title} has no {part}"


def test_each_alert_of_prometheus_is_in_the_runbook() -> None:
    rules = (ROOT / "ops" / "prometheus" / "rules.yml").read_text(encoding="utf-8")
    names = re.findall(r"- alert: (\w+)", rules)
    assert names
    assert [name for name in names if f"`{name}`" not in page("runbook")] == []


@pytest.mark.parametrize("name", PAGES)
def test_each_command_exists_with_its_options(name: str) -> None:
    commands = [
        re.split(r" [|&;]|;", found)[0].split() for found in COMMAND.findall(code_of(page(name)))
    ]
    assert name == "several-hosts" or commands
    assert [
        (words, wrong)
        for words in commands
        if words[0] not in OF_MIGRATE and (wrong := wrong_word(words))
    ] == []


USE_PARTITIONS = """
from relay import create_app
from relay.models import db
from relay.services.operations import dropping, partitions

with create_app().app_context():
    partitions.begin()
    with db.engine.connect() as connection:
        first = partitions.list_partitions(connection, "event")[0]
    dropping._drop(first, set())
"""


def test_the_role_of_the_processes_needs_no_more_than_the_documented_grants(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    def statements(name: str) -> str:
        found = re.search(rf"<!-- run: {name} -->\n```\n(.*?)```", page("hardening"), re.DOTALL)
        assert found, name
        return found[1]

    def run(text: str, user: str, name: str) -> None:
        url = postgres_server.url(name).replace("relay@", f"{user}@", 1)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(text.encode())

    def here(text: str) -> str:
        text = re.sub(r"DATABASE relay\b", "DATABASE two", text)
        text = re.sub(r"\brelay_owner\b", "two_owner", text)
        return re.sub(r"\brelay\b", "two_app", text)

    postgres_server.start()
    administrator = "relay"  # of the tests' server
    try:
        for statement in here(statements("roles")).split(";\n")[:-1]:
            run(statement, administrator, "postgres")
        run(here(statements("defaults")), "two_owner", "two")
        migrate(f"postgresql://two_owner@127.0.0.1:{postgres_server.port}/two", tmp_path)
        run(here(statements("ownership")), "two_owner", "two")
        done = subprocess.run(
            [sys.executable, "-c", USE_PARTITIONS],
            cwd=ROOT,
            env=relay_env(
                tmp_path,
                DATABASE_URL=f"postgresql://two_app@127.0.0.1:{postgres_server.port}/two",
                REDIS_URL="redis://127.0.0.1:1",
            ),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run("ALTER TABLE delivery ADD COLUMN x integer", "two_app", "two")
    finally:
        postgres_server.drop_database("two")
        for role in ("two_owner", "two_app"):
            postgres_server.run(f"DROP ROLE IF EXISTS {role}")
