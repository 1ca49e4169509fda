"""``flask doctor``"""

from __future__ import annotations

import sys

import click

from relay.cli.output import command, show, top_level
from relay.observability.health import Level
from relay.services.operations.doctor import diagnose


@command(top_level, "doctor", "doctor", "doctor --offline --json")
@click.option(
    "--offline", is_flag=True, help="Make no calls: skip the public URL and other clocks."
)
@click.option(
    "--clock-url", default="", help="Compare the clock with the Date header of this server."
)
def doctor(offline: bool, clock_url: str, as_json: bool) -> None:
    """Check everything that Relay depends on, problems first.  Exits with 1 if something fails."""
    findings = diagnose(offline, clock_url)
    shown = [
        {"level": f.level, "check": f.check, "what": f.explained, "do": f.do} for f in findings
    ]
    lines = [
        f"{f.level.upper():8} {f.check}: {' '.join(f'{f.explained} {f.do}'.split())}"
        for f in findings
    ]
    failed = any(f.level is Level.ERROR for f in findings)
    show({"ok": not failed, "findings": shown}, as_json, "\n".join(lines))
    if failed:
        sys.exit(1)
