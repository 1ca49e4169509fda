"""``flask audit …``"""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from relay.cli.output import TIMES, command, end_of, iso, paged, show, show_list, utc
from relay.rules.csv_cells import csv_text
from relay.services import audit, audit_check, audit_words

COLUMNS = ("seq", "at", "actor", "address", "action", "subject", "detail")


@click.group("audit")
def group() -> None:
    """Show, check and export the audit log."""


def filtered(function: Any) -> Any:
    """The options that choose entries."""
    for name, kind, text in (
        ("--search", str, "Only entries with this text."),
        ("--until", TIMES, "Only entries before this time, or up to this day (UTC)."),
        ("--since", TIMES, "Only entries from this time or day on (UTC)."),
        ("--object", str, "Only entries about objects with this in their name."),
        ("--action", str, "Only this action (key.rotate) or noun (key)."),
        ("--actor", str, "Only what this person did."),
    ):
        function = click.option(name, type=kind, help=text)(function)
    return function


def filter_of(values: dict[str, Any]) -> audit.AuditFilter:
    return audit.AuditFilter(
        actor=values.pop("actor") or "",
        action=values.pop("action") or "",
        subject=values.pop("object") or "",
        text=(values.pop("search") or "").replace("\x00", ""),
        since=utc(values.pop("since")),
        until=end_of(values.pop("until")),
    )


def as_dict(line: audit_words.AuditLine) -> dict[str, Any]:
    return line.as_dict() | {"at": iso(line.at)}


@command(group, "list", "audit list --actor ann@example.com --since 2026-03-01")
@filtered
@paged
def list_(limit: int, after: int | None, as_json: bool, **values: Any) -> None:
    """List entries, newest first."""
    page = audit.list_entries(filter_of(values), limit, after)
    items = [as_dict(line) for line in audit_words.lines(page.items)]
    columns = ("id", "at", "actor", "action", "subject", "detail")
    show_list(items, page.total, as_json, *columns, next_after=page.next_after)


@command(group, "verify", "audit verify")
def verify(as_json: bool) -> None:
    """Check that no entry was changed, deleted or inserted.  Exits with 1 if one was."""
    found = audit_check.verify()
    value: dict[str, Any] = {"ok": found.broken is None, "entries": found.entries}
    value["older"] = found.older
    if (broken := found.broken) is None:
        older = f", and {found.older} from before the chain" if found.older else ""
        show(value, as_json, f"The audit log is whole: {found.entries} entries{older}.")
        return
    value["broken"] = {
        "seq": broken.seq,
        "problem": broken.problem,
        "sentence": broken.sentence,
        "at": iso(broken.at),
    }
    show(value, as_json, f"The audit log is broken ({broken.problem}). {broken.sentence}")
    sys.exit(1)


@command(group, "export", "audit export --format csv > audit.csv")
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv")
@filtered
def export(form: str, as_json: bool, **values: Any) -> None:
    """Write entries to standard output, newest first; the export is recorded."""
    form = "json" if as_json else form
    entries = audit.export_entries(filter_of(values), audit.COMMAND_LINE, form)
    items = [as_dict(line) for line in audit_words.lines(entries)]
    if form == "json":
        click.echo(json.dumps({"items": items, "total": len(items)}, ensure_ascii=False, indent=2))
        return
    click.echo(csv_text(COLUMNS, ([item[name] for name in COLUMNS] for item in items)), nl=False)
