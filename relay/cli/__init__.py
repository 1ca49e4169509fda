"""``flask <noun> <verb>``: everything an operator does without a browser."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cryptography.fernet import Fernet
from flask import Flask

from relay.cli import (
    dead_letters,
    deliveries,
    destinations,
    events,
    keys,
    kinds,
    ledger,
    sources,
    system,
    users,
)
from relay.errors import SettingsError

NOUNS = (users, sources, keys, destinations, events, deliveries, dead_letters, ledger)


def init_app(app: Flask) -> None:
    """Add every noun's commands, and the system's own."""
    for noun in NOUNS:
        app.cli.add_command(noun.group)
    for command in (*system.COMMANDS, kinds.kinds):
        app.cli.add_command(command)


def refuse_start(exc: SettingsError, words: Sequence[str]) -> SystemExit:
    """One clear line instead of a traceback.

    The one command that helps where no setting is right yet works all the same.
    """
    if list(words[:1]) == ["rotate-encryption-keys"] and "--new-key" in words:
        sys.stdout.write(f"{Fernet.generate_key().decode()}\n")
        return SystemExit(0)
    return SystemExit(f"Relay does not start: {exc}")
