"""``flask backup …`` and ``flask restore``"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click
from flask import current_app

from config import Config
from relay.cli.output import command, iso, show, show_list, top_level
from relay.services.audit import COMMAND_LINE
from relay.services.backups import runs
from relay.services.backups.daily import run_daily
from relay.services.operations import backup

IDENTITY = click.option(
    "--identity",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file with the private key of age, if the backup is encrypted for a public key.",
)


class WithDefault(click.Group):
    """``flask backup FILE`` is short for ``flask backup to FILE``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            args = ["to", *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] == "--json":  # flask backup --json FILE
            args = ["to", *args]
        return super().parse_args(ctx, args)


@click.group("backup", cls=WithDefault)
def group() -> None:
    """Back up all data to a file, a folder or S3, and verify the backups.

    \b
    Examples:
      flask backup relay.backup.gz
      flask backup - | ssh backup-host 'cat > relay.backup.gz'
      RELAY_BACKUP_TO=s3://bucket/relay flask backup run
    """


def settings() -> Config:
    found: Config = current_app.extensions["relay_config"]
    return found


@command(group, "to", "backup to relay.backup.gz")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True))
def make_backup(file: Path, as_json: bool) -> None:
    """Write a backup of all data to FILE, or to standard output with -.  Relay can keep running.

    It is not encrypted, except for the secrets in it: store RELAY_ENCRYPTION_KEYS in another place.
    """
    if str(file) == "-":
        backup.send_to(sys.stdout.buffer)
        return
    saved = backup.save(file)
    report = {"file": str(file), "made_at": saved.made_at.isoformat(), "rows": saved.rows}
    show(report, as_json, f"Wrote {saved.total} rows to {file}.")


@command(group, "run", "backup run", "backup run --daily-at 03:30")
@click.option(
    "--daily-at",
    type=click.DateTime(["%H:%M"]),
    help="Keep running, and make a backup every day at this time (UTC).",
)
def run(daily_at: datetime | None, as_json: bool) -> None:
    """Make a backup in RELAY_BACKUP_TO and remove the ones that are not kept any more.

    A transfer that was interrupted is finished first.  A failure opens an alert.
    """
    if daily_at is not None:
        run_daily(settings(), daily_at.time(), COMMAND_LINE)
    done = runs.run(settings(), COMMAND_LINE)
    report = {
        "name": done.made.name,
        "made_at": iso(done.made.made_at),
        "bytes": done.made.size,
        "rows": done.rows,
        "encrypted": done.made.is_encrypted,
        "continued": done.continued,
        "removed": done.removed,
    }
    text = f"Stored {done.made.name}: {done.rows} rows, {done.made.size:,} bytes."
    if not done.made.is_encrypted:
        text += " It is not encrypted: set RELAY_BACKUP_PASSPHRASE or RELAY_BACKUP_RECIPIENTS."
    if done.continued:
        text += f" Finished the transfer of {', '.join(done.continued)}."
    if done.removed:
        text += f" Removed {len(done.removed)} old backups."
    show(report, as_json, text)


@command(group, "list", "backup list")
def list_backups(as_json: bool) -> None:
    """List the backups in RELAY_BACKUP_TO, newest first."""
    items = [
        {
            "name": one.name,
            "made_at": iso(one.made_at),
            "bytes": one.size,
            "encrypted": one.is_encrypted,
        }
        for one in runs.list_backups(settings())
    ]
    show_list(items, len(items), as_json, "name", "made_at", "bytes", "encrypted")


@command(group, "verify", "backup verify")
@click.argument("name", default="")
@IDENTITY
def verify(name: str, identity: Path | None, as_json: bool) -> None:
    """Restore a backup, by default the newest, to a scratch database and compare every row."""
    found = runs.verify(settings(), name, identity, COMMAND_LINE)
    report = {
        "name": found.name,
        "made_at": iso(found.made_at),
        "rows": found.rows,
        "tables": found.tables,
    }
    text = f"{found.name} is complete: {found.rows} rows of {found.tables} tables were restored and compared."
    show(report, as_json, text)


@command(group, "remove", "backup remove relay-20260301T033000Z.backup.gz --yes")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Remove it.")
def remove(name: str, yes: bool, as_json: bool) -> None:
    """Remove one backup.  Old ones are removed by ``flask backup run``."""
    if not yes:
        raise click.UsageError(
            f"{name} was not removed. To remove it, repeat the command with --yes."
        )
    gone = runs.remove(settings(), name, COMMAND_LINE)
    show({"name": gone.name, "removed": True}, as_json, f"Removed {gone.name}.")


@command(top_level, "restore", "restore relay.backup.gz")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@IDENTITY
def restore_backup(file: Path, identity: Path | None, as_json: bool) -> None:
    """Restore a backup to an empty database.  Then all destinations are paused.

    FILE is a file, or the name of a backup in RELAY_BACKUP_TO.
    """
    loaded = runs.restore(settings(), file, identity, COMMAND_LINE)
    report = {"file": str(file), "made_at": loaded.made_at.isoformat(), "rows": loaded.rows}
    sentence = (
        f"Restored {loaded.total} rows, as of {loaded.made_at:%Y-%m-%d %H:%M} UTC. All destinations "
        "are paused, because some pending deliveries may have arrived after the backup. Check them, "
        "then resume each destination."
    )
    show(report, as_json, sentence)


COMMANDS = (restore_backup,)
