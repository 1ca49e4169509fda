"""Which server a destination's secrets go to: a stored secret never follows to another one.

Also hides what the query of a URL holds: often a token.  The whole URL is then one of the secrets, under
the name of its field, and the open settings keep it with masked values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from relay.destinations.base import Kind
from relay.destinations.redaction import MASK, mask, mask_url
from relay.destinations.setting_fields import SettingField, setting_fields
from relay.i18n import N_
from relay.secrets.references import is_reference

DEFAULT_PORTS = {"http": 80, "https": 443}
AGAIN = N_(
    "Enter this again. The server or the way of signing in is another one now, and Relay sends a stored "
    "secret only to the server that it was entered for."
)
QUERY_AGAIN = N_(
    "Enter the URL again with the values after the ?. Relay does not show them, and does not send them to "
    "another server."
)


def url_fields(kind: Kind) -> list[SettingField]:
    """The fields that hold a URL which is not a secret as a whole."""
    return [one for one in setting_fields(kind.schema) if one.widget == "url" and not one.secret]


def origin_text(url: str) -> str:
    """``https://host:port`` of a URL; the text itself if it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return url
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}" if parts.hostname else url


def server_of(
    kind: Kind, config: Mapping[str, Any], hidden: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The servers that the settings name, by field: the origin of a URL, a host, a port.

    With ``hidden`` also those of URLs that are secrets, such as an incoming webhook of Slack.
    """
    found = {}
    for one in setting_fields(kind.schema):
        value = (hidden or {}).get(one.name) if one.secret else config.get(one.name, one.default)
        if one.widget == "url":
            is_url = bool(value) and not is_reference(str(value))
            found[one.name] = origin_text(str(value)) if is_url else ""
        elif kind.schema.fields[one.name].metadata.get("server"):
            found[one.name] = str(value or "")
    return found


def ways_of(kind: Kind, config: Mapping[str, Any]) -> dict[str, str]:
    """The settings that say how to sign in: those that a secret depends on."""
    fields = {one.name: one for one in setting_fields(kind.schema)}
    names = {name for one in fields.values() if one.secret for name in one.shown_if}
    return {name: str(config.get(name, fields[name].default)) for name in names if name in fields}


def is_elsewhere(kind: Kind, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether stored secrets would go to another server, or be used in another way."""
    return server_of(kind, before) != server_of(kind, after) or ways_of(kind, before) != ways_of(
        kind, after
    )


def secrets_in_use(kind: Kind, config: Mapping[str, Any]) -> Iterator[str]:
    """The secrets that these settings use."""
    for one in setting_fields(kind.schema):
        ways = (
            (name, wanted) for name, wanted in one.shown_if.items() if name in kind.schema.fields
        )
        if one.secret and all(config.get(name) == wanted for name, wanted in ways):
            yield one.name


def with_query(entered: str, stored: str) -> str:
    """A URL as entered, with the stored value for each masked one.  Raises ValueError.

    ValueError: a masked value is not that of ``stored``, or the URL has another origin.
    """
    if MASK not in entered:
        return entered
    address, _, query = entered.partition("?")
    if MASK in address or origin_text(entered) != origin_text(stored):
        raise ValueError(entered)
    kept = [part.partition("=") for part in stored.partition("?")[2].split("&")]
    parts = []
    for part in query.split("&"):
        if MASK in part:
            name, equals, value = part.partition("=")
            at = next(
                n
                for n, (its, sign, old) in enumerate([*kept, ("", "", "")])
                if n == len(kept)
                or (its, sign, mask(old)) == (name, equals, value)
                or (not equals and not sign and mask(its) == name)
            )
            if at == len(kept):
                raise ValueError(entered)
            part = "".join(kept.pop(at))
        parts.append(part)
    return f"{address}?{'&'.join(parts)}"


def hide_queries(kind: Kind, config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """-> the settings with masked queries, and the whole URLs by field"""
    shown, hidden = dict(config), {}
    for one in url_fields(kind):
        url = config.get(one.name)
        if isinstance(url, str) and urlsplit(url).query:
            shown[one.name], hidden[one.name] = mask_url(url), url
    return shown, hidden


def address_text(kind: Kind, config: Mapping[str, Any], hidden: Mapping[str, str]) -> str:
    """Where it sends to, for the audit log: URLs without what is secret, a server and its port."""
    open_urls = {one.name: str(config.get(one.name) or "") for one in url_fields(kind)}
    servers = {**server_of(kind, config, hidden), **{k: v for k, v in open_urls.items() if v}}
    return ", ".join(value for value in servers.values() if value)


def changed_address(
    kind: Kind,
    before: tuple[Mapping[str, Any], Mapping[str, str]],
    after: tuple[Mapping[str, Any], Mapping[str, str]],
) -> dict[str, str]:
    """The old and the new address for an audit entry, each from settings and secrets; empty if equal."""
    old, new = address_text(kind, *before), address_text(kind, *after)
    return {"old_address": old, "new_address": new} if old != new else {}


def secret_values(hidden: Mapping[str, str]) -> list[str]:
    """What must be masked where a call is shown: the secrets, and the values of queries in them."""
    queries = (urlsplit(value).query for value in hidden.values() if "?" in value)
    values = [value for query in queries for _, value in parse_qsl(query) if len(value) >= 8]
    return [*hidden.values(), *values]
