"""Links from a message to what it is about: the order in WordPress, the page, the site, the event in
Relay.

Only HTTP(S) URLs that are safe to print are used, and those of the event's data only if they are on
the event's own site: a visitor can influence them.

This text goes to destinations: it is English (i18n: keep file).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from relay.destinations.base import Message
from relay.event_types import family_of

MAX_URL, MAX_SITES = 2000, 5
URL = re.compile(r"https?://[^\s<>\"|\\^`{}\x00-\x1f\x7f]+")
WORDS = {
    "order": "Open the order",
    "comment": "Open the comment",
    "lead": "Open the entry",
    "user": "Open the user",
    "customer": "Open the customer",
    "product": "Open the product",
    "coupon": "Open the coupon",
    "subscription": "Open the subscription",
    "post": "Open the post",
}


@dataclass(frozen=True)
class Link:
    """``label`` is what a person clicks on."""

    label: str
    url: str


def event_page(public_url: str, event_id: str) -> str:
    """The page of an event in Relay; empty if Relay's own URL is not known."""
    return f"{public_url.rstrip('/')}/events/{quote(event_id, safe='')}" if public_url else ""


def links_of(message: Message) -> tuple[Link, ...]:
    """The links of a message, the most useful first; each URL once.

    The data may have ``edit_url`` (where a person edits the object in WordPress) and ``page_url`` (the
    page that it belongs to).
    """
    data = message.data if isinstance(message.data, Mapping) else {}
    family = family_of(message.event_type.removeprefix("x."))  # x.order.refunded is about an order
    found = [
        Link(WORDS.get(family, "Open in WordPress"), _on_site(data.get("edit_url"), message)),
        Link("Page", _on_site(data.get("page_url"), message)),
        Link(message.site_name or "Site", _safe(message.site_url)),
        Link("Event in Relay", relay_page(message)),
    ]
    return _distinct(found)


def links_for_customer(message: Message) -> tuple[Link, ...]:
    """The links for the person that the event is from: the order in their account, and the site."""
    data = message.data if isinstance(message.data, Mapping) else {}
    own = Link("View the order", _on_site(data.get("view_url"), message))
    return _distinct([own, Link(message.site_name or "Site", _safe(message.site_url))])


def _distinct(links: Sequence[Link]) -> tuple[Link, ...]:
    """The links that have a URL, each URL once."""
    urls = [link.url for link in links]
    return tuple(link for n, link in enumerate(links) if link.url and link.url not in urls[:n])


def links_of_all(messages: Sequence[Message]) -> tuple[Link, ...]:
    """The links of several messages together: their sites, and the list of events in Relay."""
    sites = {message.site_url: message.site_name for message in messages}
    found = [Link(name or "Site", _safe(url)) for url, name in list(sites.items())[:MAX_SITES]]
    found.append(Link("Events in Relay", relay_page(messages[0]).rpartition("/")[0]))
    return _distinct(found)


def relay_page(message: Message) -> str:
    """The event's page in Relay; empty for a sample, which has none."""
    return "" if message.is_test else _safe(message.relay_url)


def _safe(url: Any) -> str:
    """The URL if it can be printed in any kind of message, else an empty text."""
    if not isinstance(url, str) or len(url) > MAX_URL or not URL.fullmatch(url):
        return ""
    return url if _host(url) else ""


def _on_site(url: Any, message: Message) -> str:
    safe = _safe(url)
    return safe if safe and _host(safe) == _host(message.site_url) else ""


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""
