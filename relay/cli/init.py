"""``flask init``: set up an installation.  It needs no settings, because it writes them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from config import KNOWN, Config
from relay.cli.output import refuse, show
from relay.database_errors import explain
from relay.errors import RelayError, SettingsError
from relay.services.operations import installation

FACTORY = (
    "relay_factory"  # the extension of an application that makes another one from its settings
)
# What it asks for at a terminal, with the option, the question and an example.
QUESTIONS = (
    ("DATABASE_URL", "Database", "postgresql://user:password@host/name; empty: SQLite in the data directory"),
    ("REDIS_URL", "Redis or Valkey", "redis://host:6379/0; empty: only with make run, which starts its own"),
    ("RELAY_PUBLIC_URL", "Public URL", "https://relay.example.com; empty: only this machine"),
)  # fmt: skip


@click.command()
@click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("relay.env"),
    show_default=True,
    help="The environment file to write. Values that it has are kept.",
)
@click.option("--database-url", "DATABASE_URL", help="postgresql://user:password@host/name")
@click.option("--redis-url", "REDIS_URL", help="redis://host:6379/0")
@click.option("--public-url", "RELAY_PUBLIC_URL", help="https://relay.example.com")
@click.option("--data-dir", "RELAY_DATA_DIR", help="The folder for Relay's files.")
@click.option("--port", "PORT", help="The port of web.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def init(env_file: Path, as_json: bool, **options: str | None) -> None:
    """Set up Relay: write an environment file, create the tables and the link for the first admin.

    It can be repeated: an existing file keeps its values, above all its keys, and gets what is
    missing. A value comes from an option, else from the file, else from the environment. At a
    terminal, it asks for the rest.

    \b
    Examples:
      flask init --env-file /etc/relay/relay.env \\
        --database-url postgresql://relay@db/relay --redis-url redis://cache:6379/0 \\
        --public-url https://relay.example.com
      flask init --json
    """
    env_file = env_file.absolute()
    try:
        found = set_up(env_file, {name: value for name, value in options.items() if value})
    except RelayError as exc:
        refuse(str(exc))
    except SQLAlchemyError as exc:
        refuse(explain(exc))
    show(found, as_json, "" if as_json else steps_text(found))


def set_up(env_file: Path, options: dict[str, str]) -> dict[str, Any]:
    """Raises RelayError, SQLAlchemyError.  The file is written before anything is tried with it."""
    stored = installation.read_env_file(env_file)
    given = {name: value for name, value in os.environ.items() if name in names_of_settings()}
    values = given | stored | options
    if sys.stdin.isatty():
        values = ask(values)
    values["RELAY_DATA_DIR"] = str(Path(values.get("RELAY_DATA_DIR") or "instance").absolute())
    generated = {
        name: value
        for name, value in installation.generate_secrets().items()
        if not (values.get(name) or values.get(f"{name}_FILE"))
    }
    values |= generated
    config = Config.from_env(values)
    changed = {name: value for name, value in values.items() if stored.get(name) != value}
    installation.write_env_file(env_file, changed)
    has_broker = bool(values.get("REDIS_URL") or values.get("REDIS_URL_FILE"))
    try:
        app = current_app.extensions[FACTORY](config)
        with app.app_context():
            installation.migrate(config)
            installation.check_keys()
            if has_broker:
                installation.check_broker()
            link = installation.first_run_url(config.base_url, config.data_dir)
    except SettingsError as exc:
        raise SettingsError(f"{exc} (The settings are in {env_file}: correct them there.)") from exc
    return {
        "env_file": str(env_file),
        "data_dir": str(config.data_dir),
        "database": installation.without_password(config.database_url),
        "broker": has_broker,
        "generated": sorted(generated),
        "first_run_url": link,
        "url": config.base_url,
    }


def names_of_settings() -> set[str]:
    """The settings that are taken over from the environment."""
    names = {*KNOWN, "DATABASE_URL", "DATABASE_READ_URL", "REDIS_URL", "SECRET_KEY", "PORT", "HOST"}
    return names | {f"{name}_FILE" for name in names}


def ask(values: dict[str, str]) -> dict[str, str]:
    """The values with answers to the questions that they leave open."""
    answers = dict(values)
    for name, what, example in QUESTIONS:
        if name not in answers and f"{name}_FILE" not in answers:
            answer = click.prompt(f"{what} ({example})", default="", show_default=False).strip()
            if answer:
                answers[name] = answer
    return answers


def steps_text(found: dict[str, Any]) -> str:
    """What was done and what to do next."""
    env_file = found["env_file"]
    lines = [
        "Relay is set up.",
        f"  Settings  {env_file} (only its owner can read it)",
        f"  Database  {found['database']} (the tables are up to date)",
        f"  Files     {found['data_dir']}",
        "",
        "Next:",
        f"1. Keep a copy of {env_file} in a safe place. Without its RELAY_ENCRYPTION_KEYS, nobody can",
        "   read the secrets in the database.",
    ]
    if found["broker"]:
        lines += [
            "2. Start web, worker and scheduler with these settings. docs/install.md shows how with",
            f"   systemd. In a shell: set -a; . {env_file}; set +a",
        ]
    else:
        lines += [
            "2. Set REDIS_URL in this file before you start web, worker and scheduler, or start all of",
            f"   them with a broker of their own: set -a; . {env_file}; set +a; make run",
        ]
    link = found["first_run_url"]
    lines.append(
        f"3. Create the first admin's account (the link works once): {link}"
        if link
        else f"3. Sign in at {found['url']}."
    )
    return "\n".join(lines)
