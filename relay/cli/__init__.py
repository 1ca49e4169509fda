"""The command line, ``flask <noun> <verb>``: operate Relay without a browser."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from cryptography.fernet import Fernet
from flask import Flask
from flask.cli import AppGroup

from config import Config
from relay.cli import (
    alerts,
    audit,
    backups,
    dead_letters,
    deliveries,
    destinations,
    events,
    init,
    keys,
    kinds,
    ledger,
    people,
    replays,
    second_factor,  # noqa: F401 - adds its commands to ``users``
    settings,
    sources,
    subscriptions,
    system,
    tokens,
    users,
)
from relay.errors import SettingsError

NOUNS = (
    users,
    sources,
    keys,
    destinations,
    subscriptions,
    events,
    deliveries,
    dead_letters,
    replays,
    ledger,
    alerts,
    audit,
    backups,
    people,
    settings,
    tokens,
)


def all_commands() -> AppGroup:
    """The commands of every noun, and the commands for the whole system, in one group."""
    found = AppGroup("flask")
    for noun in NOUNS:
        found.add_command(noun.group)
    sources.group.add_command(people.privacy_group)
    for command in (*system.COMMANDS, *backups.COMMANDS, kinds.kinds, init.init):
        found.add_command(command)
    return found


def init_app(app: Flask) -> None:
    """Add all commands."""
    for command in all_commands().commands.values():
        app.cli.add_command(command)


def needs_no_settings(words: Sequence[str]) -> bool:
    """Whether these words of ``flask`` write the settings, or only ask for help or for a completion."""
    is_completion = "_FLASK_COMPLETE" in os.environ
    return list(words[:1]) == ["init"] or "--help" in words or is_completion


def setup_app(factory: Callable[[Config], Flask]) -> Flask:
    """An application that has only the commands, for ``needs_no_settings``.

    ``factory`` makes the whole application from settings.
    """
    app = Flask("relay")
    app.extensions[init.FACTORY] = factory
    init_app(app)
    return app


def refuse_start(exc: SettingsError, words: Sequence[str]) -> SystemExit:
    """The exit for a wrong setting: one line instead of a traceback.

    ``rotate-encryption-keys --new-key`` works without any settings, because it makes one of them.
    """
    if list(words[:1]) == ["rotate-encryption-keys"] and "--new-key" in words:
        sys.stdout.write(f"{Fernet.generate_key().decode()}\n")
        return SystemExit(0)
    return SystemExit(f"Relay does not start: {exc}")
