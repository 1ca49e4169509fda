"""The command line, ``flask <noun> <verb>``: operate Relay without a browser."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from cryptography.fernet import Fernet
from flask import Flask

from config import Config
from relay.cli import (
    alerts,
    audit,
    dead_letters,
    deliveries,
    destinations,
    events,
    init,
    keys,
    kinds,
    ledger,
    people,
    second_factor,  # noqa: F401 - adds its commands to ``users``
    sources,
    system,
    users,
)
from relay.errors import SettingsError

NOUNS = (
    users,
    sources,
    keys,
    destinations,
    events,
    deliveries,
    dead_letters,
    ledger,
    alerts,
    audit,
    people,
)


def init_app(app: Flask) -> None:
    """Add the commands of every noun, and the commands for the whole system."""
    for noun in NOUNS:
        app.cli.add_command(noun.group)
    sources.group.add_command(people.privacy_group)
    for command in (*system.COMMANDS, kinds.kinds, init.init):
        app.cli.add_command(command)


def needs_no_settings(words: Sequence[str]) -> bool:
    """Whether these words of ``flask`` are the command that writes the settings."""
    return list(words[:1]) == ["init"]


def setup_app(factory: Callable[[Config], Flask]) -> Flask:
    """An application that has only the command that writes the settings.

    ``factory`` makes the whole application from them.
    """
    app = Flask("relay")
    app.extensions[init.FACTORY] = factory
    app.cli.add_command(init.init)
    return app


def refuse_start(exc: SettingsError, words: Sequence[str]) -> SystemExit:
    """The exit for a wrong setting: one line instead of a traceback.

    ``rotate-encryption-keys --new-key`` works without any settings, because it makes one of them.
    """
    if list(words[:1]) == ["rotate-encryption-keys"] and "--new-key" in words:
        sys.stdout.write(f"{Fernet.generate_key().decode()}\n")
        return SystemExit(0)
    return SystemExit(f"Relay does not start: {exc}")
