"""``flask sources …``"""

from __future__ import annotations

from typing import Any

import click
from flask import current_app

from relay.cli.output import command, from_stdin, iso, paged, show, show_list
from relay.models import Source
from relay.services.audit import COMMAND_LINE
from relay.services.sources import keys
from relay.services.sources import settings as source_settings


@click.group("sources")
def group() -> None:
    """Sites that send events."""


def as_dict(source: Source, **more: Any) -> dict[str, Any]:
    """The contract's source; ``more`` holds a secret only in the call that made it."""
    now = keys.database_now()
    return {
        "id": source.id,
        "slug": source.slug,
        "name": source.name,
        "url": source.url,
        "endpoint": source_settings.endpoint_of(
            source.slug, current_app.extensions["relay_config"]
        ),
        "keys": [
            {"id": k.key_id, "state": keys.shown_state(k, now), "not_after": iso(k.not_after)}
            for k in sorted(source.keys, key=lambda k: -k.id)
        ],
        "networks": [network.cidr for network in source.networks],
        **more,
    }


def secret_from(given: bool) -> str | None:
    return from_stdin("The secret") if given else None


@command(group, "create")
@click.argument("name")
@click.option("--url", required=True, help="The site's address.")
@click.option("--slug", help="Its part of the endpoint; made from the name by default.")
@click.option(
    "--secret-stdin", is_flag=True, help="Read the first key's secret from standard input."
)
def create(name: str, url: str, slug: str | None, secret_stdin: bool, as_json: bool) -> None:
    """Connect a site; its secret is shown this once."""
    source, key, secret = source_settings.create_source(
        name, url, COMMAND_LINE, slug, secret_from(secret_stdin)
    )
    made = as_dict(source, secret=secret, key_id=key.key_id)
    text = (
        f"{source.name}\nEndpoint: {made['endpoint']}\nKey id:   {key.key_id}\nSecret:   {secret}"
    )
    show(made, as_json, f"{text}\nKeep the secret now: it is not shown again.")


@command(group, "list")
@paged
def list_(limit: int, after: int | None, as_json: bool) -> None:
    """Show all sites."""
    page = source_settings.list_sources(limit, after)
    items, columns = [as_dict(s) for s in page.items], ("slug", "name", "url", "endpoint")
    show_list(items, page.total, as_json, *columns, next_after=page.next_after)


@command(group, "show")
@click.argument("slug")
def show_(slug: str, as_json: bool) -> None:
    """Show one site with its keys."""
    source = as_dict(source_settings.find_source(slug))
    lines = [
        f"{source['name']} ({slug})",
        f"Site:     {source['url']}",
        f"Endpoint: {source['endpoint']}",
    ]
    lines += [
        f"Key:      {k['id']} {k['state']} {k['not_after'] or ''}".rstrip() for k in source["keys"]
    ]
    lines += [f"Allowed:  {cidr}" for cidr in source["networks"]]
    show(source, as_json, "\n".join(lines))


@command(group, "allow")
@click.argument("slug")
@click.argument("cidr")
def allow(slug: str, cidr: str, as_json: bool) -> None:
    """Let a source send only from its listed networks, and list CIDR."""
    network = source_settings.allow_network(slug, cidr, COMMAND_LINE)
    show({"slug": slug, "allowed": network.cidr}, as_json, f"{slug} may send from {network.cidr}.")


@command(group, "disallow")
@click.argument("slug")
@click.argument("cidr")
def disallow(slug: str, cidr: str, as_json: bool) -> None:
    """Take CIDR off a source's list."""
    source_settings.disallow_network(slug, cidr, COMMAND_LINE)
    show({"slug": slug, "disallowed": cidr}, as_json, f"{cidr} is off the list of {slug}.")
