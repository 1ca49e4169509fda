"""The command line, ``flask <noun> <verb>``: operate Relay without a browser.

The module of a noun is imported when one of its commands runs: a command does not wait for the others.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click
from flask import Flask
from flask.cli import AppGroup

from relay.errors import SettingsError

if TYPE_CHECKING:
    from config import Config

FACTORY = (
    "relay_factory"  # makes the application of the migrations from settings, for ``flask init``
)
# The module and the name of each command in it, and its help in the list of commands.
COMMANDS: Mapping[str, tuple[str, str, str]] = {
    "users": ("users", "group", "Manage the users who can sign in."),
    "sources": ("sources", "group", "Connect sites and manage their settings."),
    "keys": ("keys", "group", "List, rotate and revoke the signing keys of a site."),
    "destinations": ("destinations", "group", "Create, test and control destinations."),
    "subscriptions": ("subscriptions", "group", "Choose which events a destination gets."),
    "events": ("events", "group", "Show events and send test events."),
    "deliveries": ("deliveries", "group", "Show deliveries and their attempts."),
    "dead-letters": ("dead_letters", "group", "List, replay and discard failed deliveries."),
    "replays": ("replays", "group", "Follow, pause and cancel replays."),
    "ledger": ("ledger", "group", "Show and check the daily counts of events (UTC)."),
    "alerts": ("alerts", "group", "List alerts, act on them, and change their rules and channels."),
    "audit": ("audit", "group", "Show, check and export the audit log."),
    "backup": (
        "backups",
        "group",
        "Back up all data to a file, a folder or S3, and verify the backups.",
    ),
    "people": (
        "people",
        "group",
        "Find and export the data of a person; list the receipts of erasures.",
    ),
    "settings": ("settings", "group", "The settings of the whole installation."),
    "tokens": ("tokens", "group", "Create, list and revoke the API tokens of users."),
    "doctor": ("doctor", "doctor", "Check everything that Relay depends on, problems first."),
    "rotate-encryption-keys": (
        "system",
        "rotate_encryption_keys",
        "Encrypt every stored secret with the newest key.",
    ),
    "prune": (
        "system",
        "prune",
        "Delete finished events that are older than their site keeps them.",
    ),
    "erase-person": (
        "system",
        "erase_person",
        "Erase a person's data from events, attempts and dead letters.",
    ),
    "openapi": ("openapi", "print_openapi", "Print the OpenAPI document of the API, as JSON."),
    "restore": ("backups", "restore_backup", "Restore a backup to an empty database."),
    "kinds": (
        "kinds",
        "kinds",
        "List the kinds of destinations, or show the settings of one KIND.",
    ),
    "init": (
        "init",
        "init",
        "Set up Relay: write an environment file, create the tables and the link for the first admin.",
    ),
    "db": ("flask_migrate.cli", "db", "Perform database migrations."),
    "version": ("version", "version", "Print the version of Relay."),
}
# The sections of the list of commands, in the order in which ``flask --help`` has them.
SECTIONS: Mapping[str, Sequence[str]] = {
    "Set up and operate": (
        "init", "db", "doctor", "alerts", "backup", "restore", "prune", "settings",
        "rotate-encryption-keys", "openapi", "version",
    ),
    "Sites and events": ("sources", "keys", "events", "ledger"),
    "Destinations and deliveries": (
        "destinations", "kinds", "subscriptions", "deliveries", "dead-letters", "replays",
    ),
    "Users and personal data": ("users", "tokens", "audit", "people", "erase-person"),
}  # fmt: skip
HELP = """Operate Relay: receive events from WordPress sites and deliver them.

The commands read the settings from the environment; flask init writes a file with them. Each command has --help with examples,
and --json.
"""
EPILOG = """\b
Examples:
  flask init
  flask sources create "Tea shop" --url https://shop.example.com
  flask doctor
  flask dead-letters replay --destination HubSpot --dry-run
"""
# The commands of a noun that another module adds to it.
ADDED: Mapping[str, Mapping[str, str]] = {
    "sources": {"privacy": "people"},
    "alerts": {"channels": "alert_channels"},
    "users": {
        "require-second-factor": "second_factor",
        "reset-second-factor": "second_factor",
    },
}
WITH_INGEST = frozenset({"doctor"})  # it checks whether an event could be stored
WITH_MIGRATIONS = frozenset({"db"})


class LazyCommand(click.Command):
    """A command that is imported when it is used."""

    def __init__(self, name: str):
        self.module, self.attribute, text = COMMANDS[name]
        super().__init__(name, help=text)

    def loaded(self) -> click.Command:
        module = self.module if "." in self.module else f"relay.cli.{self.module}"
        found: click.Command = getattr(import_module(module), self.attribute)
        return found

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        return self.loaded().make_context(info_name, args, parent, **extra)


class NounGroup(click.Group):
    """A noun with commands in another module, which is imported when one of them is used or listed."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if module := ADDED[self.name or ""].get(cmd_name):
            import_module(f"relay.cli.{module}")
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        self.complete()
        return super().list_commands(ctx)

    def complete(self) -> None:
        """Import all commands."""
        for module in ADDED[self.name or ""].values():
            import_module(f"relay.cli.{module}")


class MainGroup(click.Group):
    """``flask`` in Relay's words, for its list of commands only.  Flask itself runs the commands."""

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, COMMANDS[name][2]) for name in names])


def help_text() -> str:
    """What ``flask --help`` prints."""
    group = MainGroup("flask", help=HELP, epilog=EPILOG)
    with click.Context(group, info_name="flask") as ctx:
        return group.get_help(ctx)


def is_main_help(program: str, words: Sequence[str]) -> bool:
    """Whether these words ask for the list of commands."""
    return is_flask(program) and not is_completion() and list(words) in ([], ["--help"])


def is_completion() -> bool:
    return "_FLASK_COMPLETE" in os.environ


def all_commands() -> AppGroup:
    """The commands of every noun, and the commands for the whole system, in one group: all imported."""
    found = AppGroup("flask")
    for name in COMMANDS:
        command = LazyCommand(name).loaded()
        if isinstance(command, NounGroup):
            command.complete()
        found.add_command(command, name)
    return found


def init_app(app: Flask) -> None:
    """Add all commands."""
    for name in COMMANDS:
        app.cli.add_command(LazyCommand(name), name)


def needs_no_settings(words: Sequence[str]) -> bool:
    """Whether these words of ``flask`` write the settings, or only ask for help or for a completion."""
    return list(words[:1]) in (["init"], ["version"]) or "--help" in words or is_completion()


def is_flask(program: str) -> bool:
    """Whether this program is the ``flask`` command."""
    return "flask" in PurePath(program).parts[-2:]


def needs_no_pages(program: str, words: Sequence[str]) -> bool:
    """Whether this is the ``flask`` command with one of Relay's own commands."""
    return is_flask(program) and bool(words) and words[0] in COMMANDS


def needs_ingest(words: Sequence[str]) -> bool:
    """Whether a command without pages needs the endpoint of events."""
    return words[0] in WITH_INGEST


def needs_migrations(words: Sequence[str]) -> bool:
    return words[0] in WITH_MIGRATIONS


def setup_app(factory: Callable[[Config], Flask], version: str) -> Flask:
    """An application that has only the commands, for ``needs_no_settings``.

    ``factory`` makes the application of the migrations from settings.
    """
    app = Flask("relay")
    app.extensions[FACTORY] = factory
    app.extensions["relay_version"] = version
    init_app(app)
    return app


def refuse_start(exc: SettingsError, words: Sequence[str]) -> SystemExit:
    """The exit for a wrong setting: one line instead of a traceback.

    ``rotate-encryption-keys --new-key`` works without any settings, because it makes one of them.
    """
    if list(words[:1]) == ["rotate-encryption-keys"] and "--new-key" in words:
        from cryptography.fernet import Fernet

        sys.stdout.write(f"{Fernet.generate_key().decode()}\n")
        return SystemExit(0)
    return SystemExit(f"Relay does not start: {exc}")
