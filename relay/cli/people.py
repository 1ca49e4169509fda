"""``flask people …`` and the group ``flask sources privacy …``"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from relay.cli import sources
from relay.cli.output import command, iso, paged, show, show_list
from relay.errors import Refusal
from relay.mapping.redaction_rules import RedactionAction, path_from_label
from relay.models import ErasureReceipt, Source
from relay.services.audit import COMMAND_LINE
from relay.services.people import finding, receipts
from relay.services.sources import privacy as source_privacy
from relay.services.sources import settings as source_settings


@click.group("people")
def group() -> None:
    """Find and export the data of a person; list the receipts of erasures."""


@command(group, "find", "people find jane@example.com")
@click.argument("email")
def find(email: str, as_json: bool) -> None:
    """Count what Relay stores about EMAIL, and list its events."""
    found = finding.find_person(email)
    events = [
        {"id": one.id, "event_id": one.event_id, "type": one.event_type, "site": one.source.slug}
        for one in found.events
    ]
    lines = [f"{count:>7,}  {what.replace('_', ' ')}" for what, count in found.counts.items()]
    lines += [f"{one['id']}  {one['type']}  {one['event_id']}  {one['site']}" for one in events]
    show({"counts": found.counts, "events": events}, as_json, "\n".join(lines))


@command(group, "export", "people export jane@example.com jane.json")
@click.argument("email")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export(email: str, file: Path, as_json: bool) -> None:
    """Write everything about EMAIL to FILE, as JSON.  Only its owner can read the file."""
    found = finding.export(email, COMMAND_LINE)
    try:
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as target:
            json.dump(found, target, ensure_ascii=False, indent=2)
    except OSError as exc:
        raise Refusal(f"{file} cannot be written: {exc.strerror}.") from exc
    shown = {"file": str(file), "counts": found["counts"]}
    show(shown, as_json, f"Wrote {found['counts']['events']} events to {file}.")


def receipt_as_dict(receipt: ErasureReceipt) -> dict[str, Any]:
    return receipts.as_json(receipt) | {"id": receipt.id, "erased_at": iso(receipt.created_at)}


@command(group, "receipts", "people receipts")
@paged
def list_receipts(limit: int, after: int | None, as_json: bool) -> None:
    """List the receipts of erasures."""
    page = receipts.list_receipts(limit, after)
    items = [receipt_as_dict(one) for one in page.items]
    columns = ("receipt", "erased_at", "erased_by")
    show_list(items, page.total, as_json, *columns, next_after=page.next_after)


@click.group("privacy")
def privacy_group() -> None:
    """What is removed from a site's events before they are stored, and how long they are kept."""


def as_dict(source: Source) -> dict[str, Any]:
    return {
        "slug": source.slug,
        "fields": [
            {"field": rule.label, "action": rule.action.value}
            for rule in source_privacy.rules_of(source)
        ],
        "retention_days": source.retention_days,
    }


def show_settings(source: Source, as_json: bool) -> None:
    found = as_dict(source)
    days = found["retention_days"]
    lines = [f"{source.name}: events are kept for {days or 'the default number of'} days."]
    lines += [f"{one['action']}  {one['field']}" for one in found["fields"]]
    show(found, as_json, "\n".join(lines))


@command(privacy_group, "show", "sources privacy show shop")
@click.argument("slug")
def show_privacy(slug: str, as_json: bool) -> None:
    """List the privacy settings of a site."""
    show_settings(source_settings.find_source(slug), as_json)


@command(privacy_group, "set", "sources privacy set shop customer.phone mask")
@click.argument("slug")
@click.argument("field")
@click.argument("action", type=click.Choice([one.value for one in RedactionAction]))
def set_(slug: str, field: str, action: str, as_json: bool) -> None:
    """Mask or drop FIELD in new events, such as customer.email or "fields.Your e-mail"."""
    path = path_from_label(field)
    changed = source_privacy.set_rule(slug, path, RedactionAction(action), COMMAND_LINE)
    show_settings(changed, as_json)


@command(privacy_group, "remove", "sources privacy remove shop customer.phone")
@click.argument("slug")
@click.argument("field")
def remove(slug: str, field: str, as_json: bool) -> None:
    """Keep FIELD in new events again."""
    changed = source_privacy.remove_rule(slug, path_from_label(field), COMMAND_LINE)
    show_settings(changed, as_json)


@command(privacy_group, "retention", "sources privacy retention shop 30")
@click.argument("slug")
@click.argument("days")
def retention(slug: str, days: str, as_json: bool) -> None:
    """Keep finished events for DAYS, or "default" for RELAY_RETENTION_DAYS."""
    if not (days == "default" or (days.isascii() and days.isdigit() and len(days) < 6)):
        raise click.UsageError("DAYS is a number, or default.")
    wanted = None if days == "default" else int(days)
    show_settings(source_privacy.set_retention(slug, wanted, COMMAND_LINE), as_json)


sources.group.add_command(privacy_group)
