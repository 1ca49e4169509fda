"""``flask init``: set up an installation.  It needs no settings, because it writes them."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from config import KNOWN, Config
from relay.cli import FACTORY
from relay.cli.output import refuse, show
from relay.database_errors import explain
from relay.errors import RelayError, SettingsError
from relay.services.operations import installation

BACKUP_KEYS = tuple(
    f"RELAY_BACKUP_{name}" for name in ("PASSPHRASE", "PASSPHRASE_FILE", "RECIPIENTS")
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
@click.option(
    "--compose",
    is_flag=True,
    help="Only write the .env of deploy/compose.yaml, with a password for its database.",
)
@click.option(
    "--no-file",
    is_flag=True,
    help="Write no file: the settings are in the environment. For jobs that set up the tables.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def init(
    env_file: Path, as_json: bool, compose: bool, no_file: bool, **options: str | None
) -> None:
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
      flask init --compose --env-file .env --public-url https://relay.example.com
    """
    given = {name: value for name, value in options.items() if value}
    try:
        if compose:
            write_for_compose(env_file.absolute(), given, as_json)
            return
        found = set_up(None if no_file else env_file.absolute(), given)
    except RelayError as exc:
        refuse(str(exc))
    except SQLAlchemyError as exc:
        refuse(explain(exc))
    show(found, as_json, "" if as_json else steps_text(found))


def set_up(env_file: Path | None, options: dict[str, str]) -> dict[str, Any]:
    """Raises RelayError, SQLAlchemyError.  The file is written before anything is tried with it."""
    stored = installation.read_env_file(env_file) if env_file else {}
    given = {name: value for name, value in os.environ.items() if name in names_of_settings()}
    values = given | stored | options
    if env_file and sys.stdin.isatty():
        values = ask(values)
    values["RELAY_DATA_DIR"] = str(Path(values.get("RELAY_DATA_DIR") or "instance").absolute())
    generated = missing_secrets(values) if env_file else {}
    values |= generated
    config = Config.from_env(values)
    if env_file:
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
        where = f"in {env_file}: correct them there" if env_file else "in the environment"
        raise SettingsError(f"{exc} (The settings are {where}.)") from exc
    return {
        "env_file": str(env_file or ""),
        "data_dir": str(config.data_dir),
        "database": installation.without_password(config.database_url),
        "broker": has_broker,
        "generated": sorted(generated),
        "first_run_url": link,
        "url": config.base_url,
    }


def missing_secrets(values: Mapping[str, str]) -> dict[str, str]:
    """New values of the secrets that ``values`` does not have."""
    return {
        name: value
        for name, value in installation.generate_secrets().items()
        if not (values.get(name) or values.get(f"{name}_FILE"))
    }


def write_for_compose(env_file: Path, options: dict[str, str], as_json: bool) -> None:
    """Write the .env beside compose.yaml.  Nothing else is there yet, so nothing is tried.

    Raises SettingsError.
    """
    stored = installation.read_env_file(env_file)
    values = stored | options
    if "RELAY_PUBLIC_URL" not in values:
        raise SettingsError("Give the URL of Relay: --public-url https://relay.example.com")
    password = values.setdefault("POSTGRES_PASSWORD", secrets.token_urlsafe(24))
    values.setdefault("DATABASE_URL", f"postgresql://relay:{password}@postgres/relay")
    values.setdefault("REDIS_URL", "redis://valkey:6379/0")
    values.setdefault("RELAY_BACKUP_TO", "/var/backups/relay")
    generated = missing_secrets(values)
    if not any(name in values for name in BACKUP_KEYS):
        generated["RELAY_BACKUP_PASSPHRASE"] = secrets.token_urlsafe(32)
    values |= generated
    Config.from_env(values)
    changed = {name: value for name, value in values.items() if stored.get(name) != value}
    installation.write_env_file(env_file, changed)
    text = [
        f"Wrote {env_file} (only its owner can read it).",
        "Next:",
        "1. Keep a copy of it in a safe place. Without it, nobody can read the secrets in the database,",
        "   or a backup.",
        "2. In the folder of compose.yaml: docker compose up -d",
        "3. Create the first admin's account with the link in: docker compose logs setup",
    ]
    show({"env_file": str(env_file), "generated": sorted(generated)}, as_json, "\n".join(text))


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
    env_file, link = found["env_file"], found["first_run_url"]
    if not env_file:
        lines = [f"The tables are up to date: {found['database']}."]
        if link:
            lines.append(f"Create the first admin's account (the link works once): {link}")
        return "\n".join(lines)
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
    lines.append(
        f"3. Create the first admin's account (the link works once): {link}"
        if link
        else f"3. Sign in at {found['url']}."
    )
    return "\n".join(lines)
