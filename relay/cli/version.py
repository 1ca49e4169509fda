"""``flask version``"""

from __future__ import annotations

import json
import platform

import click
from flask import current_app
from flask.cli import with_appcontext


@click.command("version", epilog="\b\nExample:\n  flask version --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def version(as_json: bool) -> None:
    """Print the version of Relay.  It needs no settings."""
    found = {"relay": current_app.extensions["relay_version"], "python": platform.python_version()}
    click.echo(json.dumps(found) if as_json else f"Relay {found['relay']}")
