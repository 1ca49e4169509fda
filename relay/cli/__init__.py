"""``flask <noun> <verb>``: everything an operator does without a browser."""

from __future__ import annotations

from flask import Flask

from relay.cli import dead_letters, deliveries, destinations, events, keys, sources, system, users

NOUNS = (users, sources, keys, destinations, events, deliveries, dead_letters)


def init_app(app: Flask) -> None:
    """Add every noun's commands, and the system's own."""
    for noun in NOUNS:
        app.cli.add_command(noun.group)
    for command in system.COMMANDS:
        app.cli.add_command(command)
