"""``flask sources …``"""

from __future__ import annotations

from typing import Any

import click
from flask import current_app

from relay import database
from relay.cli import NounGroup
from relay.cli.output import command, from_stdin, iso, paged, show, show_list, show_removal
from relay.models import Source, db
from relay.rules.states import SourceType
from relay.services.audit import COMMAND_LINE
from relay.services.sources import keys
from relay.services.sources import settings as source_settings

COPY_NOW = "Copy the secret now. It is not shown again."


@click.group("sources", cls=NounGroup)
def group() -> None:
    """Connect sites and manage their settings."""


def as_dict(source: Source, **more: Any) -> dict[str, Any]:
    """A site for JSON output.  ``more`` has a secret only in the command that created it."""
    now = database.now(db.session)
    return {
        "id": source.id,
        "slug": source.slug,
        "name": source.name,
        "url": source.url,
        "type": source.type.value,
        "endpoint": endpoint_of(source),
        "keys": [
            {"id": key.key_id, "state": keys.shown_state(key, now), "not_after": iso(key.not_after)}
            for key in sorted(source.keys, key=lambda key: -key.id)
        ],
        "networks": [network.cidr for network in source.networks],
        **more,
    }


def endpoint_of(source: Source) -> str:
    return source_settings.endpoint_of(source, current_app.extensions["relay_config"])


def new_key(source: Source, key_id: str, secret: str) -> dict[str, Any]:
    """A site with a new key, which is shown only now; with the string that connects its plugin."""
    more = {}
    if source.type is SourceType.PLUGIN:
        more["connection"] = keys.connection_string(endpoint_of(source), key_id, secret)
    return as_dict(source, secret=secret, key_id=key_id, **more)


def lines_of(shown: dict[str, Any]) -> str:
    """The new key as text."""
    words = {"plugin": "Secret", "woocommerce": "Secret", "form": "Token"}
    lines = [
        f"Endpoint:   {shown['endpoint']}",
        f"Key id:     {shown['key_id']}",
        f"{words[shown['type']] + ':':11} {shown['secret']}",
    ]
    if "connection" in shown:
        lines.append(f"Connection: {shown['connection']}")
    return "\n".join(lines)


def secret_from(stdin: bool) -> str | None:
    return from_stdin("The secret") if stdin else None


@command(
    group,
    "create",
    'sources create "Blue Teapot Shop" --url https://shop.example.com',
    "sources create Shop --url https://shop.example.com --type woocommerce",
)
@click.argument("name")
@click.option("--url", required=True, help="The URL of the site.")
@click.option(
    "--type",
    "type_",
    type=click.Choice([one.value for one in SourceType]),
    default=SourceType.PLUGIN.value,
    show_default=True,
    help="plugin: signed events. woocommerce: the shop's own webhooks. form: a form's webhook.",
)
@click.option("--slug", help="Its part of the endpoint's URL; default: made from the name.")
@click.option(
    "--secret-stdin", is_flag=True, help="Read the secret of its first key from standard input."
)
def create(
    name: str, url: str, type_: str, slug: str | None, secret_stdin: bool, as_json: bool
) -> None:
    """Connect a site.  Its secret is shown only once."""
    source, key, secret = source_settings.create_source(
        name, url, COMMAND_LINE, slug, secret_from(secret_stdin), SourceType(type_)
    )
    shown = new_key(source, key.key_id, secret)
    show(shown, as_json, f"{source.name}\n{lines_of(shown)}\n{COPY_NOW}")


@command(group, "list", "sources list")
@paged
def list_(limit: int, after: int | None, as_json: bool) -> None:
    """List sites."""
    page = source_settings.list_sources(limit, after)
    items, columns = (
        [as_dict(source) for source in page.items],
        ("slug", "type", "name", "endpoint"),
    )
    show_list(items, page.total, as_json, *columns, next_after=page.next_after)


@command(group, "show", "sources show shop")
@click.argument("slug")
def show_(slug: str, as_json: bool) -> None:
    """Show a site and its signing keys."""
    source = as_dict(source_settings.find_source(slug))
    lines = [
        f"{source['name']} ({slug})",
        f"Site:     {source['url']}",
        f"Type:     {source['type']}",
        f"Endpoint: {source['endpoint']}",
    ]
    lines += [
        f"Key:      {key['id']} {key['state']} {key['not_after'] or ''}".rstrip()
        for key in source["keys"]
    ]
    lines += [f"Allowed:  {cidr}" for cidr in source["networks"]]
    show(source, as_json, "\n".join(lines))


@command(group, "update", "sources update shop --per-minute 600")
@click.argument("slug")
@click.option("--name", help="A new name.")
@click.option("--url", help="The site's new address.")
@click.option("--per-minute", type=int, help="Most events a minute; 0 means no limit.")
def update(
    slug: str, name: str | None, url: str | None, per_minute: int | None, as_json: bool
) -> None:
    """Change a site; what is not named stays as it is."""
    found = source_settings.find_source(slug)
    changed = source_settings.update_source(
        slug,
        found.name if name is None else name,
        found.url if url is None else url,
        found.per_minute if per_minute is None else per_minute,
        COMMAND_LINE,
    )
    show(as_dict(changed), as_json, f"{changed.name} is changed.")


@command(group, "remove", "sources remove shop --yes")
@click.argument("slug")
@click.option("--yes", is_flag=True, help="Remove it; without this, only show what would happen.")
@click.option(
    "--discard-waiting", is_flag=True, help="Also discard its events that are not delivered yet."
)
def remove(slug: str, yes: bool, discard_waiting: bool, as_json: bool) -> None:
    """Remove a site; its keys stop at once, its events stay."""
    from relay.services.sources import removal

    name = source_settings.find_source(slug).name
    found = removal.remove(slug, COMMAND_LINE, discard_waiting) if yes else removal.preview(slug)
    counts = {
        "slug": slug,
        "name": name,
        "removed": yes,
        "keys": found.keys,
        "waiting": found.undelivered,
        "failed": found.failed,
        "in_flight": found.in_flight,
        "discard_waiting": discard_waiting,
        "only_here": list(found.only_here),
        "events": found.events,
    }
    rows = {
        "signing keys, which stop within 5 seconds": found.keys,
        f"pending deliveries, {'discarded' if discard_waiting else 'still delivered'}": found.undelivered,
        f"failed deliveries, {'discarded' if discard_waiting else 'can still be resent'}": found.failed,
        "deliveries back to the site, discarded": found.answers,
        "deliveries in progress; calls that have started finish": found.in_flight,
        "subscriptions that take events from no other site": len(found.only_here),
        "events, which stay on record": found.events,
    }
    show_removal(name, rows, counts, yes, as_json)


@command(group, "allow", "sources allow shop 203.0.113.0/24")
@click.argument("slug")
@click.argument("cidr")
def allow(slug: str, cidr: str, as_json: bool) -> None:
    """Add CIDR to the allowed networks of a site.

    The site can then send only from its allowed networks. Without any, it can send from anywhere.
    """
    network = source_settings.allow_network(slug, cidr, COMMAND_LINE)
    show({"slug": slug, "allowed": network.cidr}, as_json, f"{slug} can send from {network.cidr}.")


@command(group, "disallow", "sources disallow shop 203.0.113.0/24")
@click.argument("slug")
@click.argument("cidr")
def disallow(slug: str, cidr: str, as_json: bool) -> None:
    """Remove CIDR from the allowed networks of a site."""
    source_settings.disallow_network(slug, cidr, COMMAND_LINE)
    text = f"Removed {cidr} from the allowed networks of {slug}."
    show({"slug": slug, "disallowed": cidr}, as_json, text)
