"""Sources: the sites that send events, and the networks they may send from."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import ColumnElement, Row, func, or_, select
from sqlalchemy.orm import selectinload

from config import Config
from relay import database
from relay.database import READ_ONLY
from relay.errors import Invalid, NotFound
from relay.event_types import CANARY, INTERNAL_TYPES
from relay.i18n import _
from relay.models import AllowedNetwork, Event, Rejection, SigningKey, Source, db
from relay.models.event import is_from_site
from relay.rules.states import SourceState, SourceType
from relay.services.audit import By, record
from relay.services.paging import MAX_LIMIT, Page, page_of
from relay.services.sources import keys, revisions

DEFAULT = "default"
# The part of the endpoint's path by the source's type.
WAYS = {
    SourceType.PLUGIN: "wp",
    SourceType.WOOCOMMERCE: "woocommerce",
    SourceType.FORM: "form",
}
SPELLED_OUT = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d"}
)
BARE_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)+(?::\d{1,5})?(?:/.*)?")  # shop.example.com/tea
REMOVED = "-removed-"  # between the former slug and the number of a removed source
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")


def slug_from(name: str, url: str = "") -> str:
    """A slug for the endpoint, made from a name, else from the host of the site; never empty."""
    return _latin(name) or _latin(urlsplit(url).hostname or "") or "site"


def _latin(text: str) -> str:
    """``Grüne Teestube`` is ``gruene-teestube``; empty if the text has no Latin letters or digits."""
    spelled = text.lower().translate(SPELLED_OUT)
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    whole = re.sub(r"['’]", "", plain)
    return re.sub(r"[^a-z0-9]+", "-", whole).strip("-")[:48].strip("-")


def _free_slug(wanted: str) -> str:
    taken = set(db.session.scalars(select(Source.slug).where(Source.slug.startswith(wanted))))
    if wanted not in taken:
        return wanted
    return next(f"{wanted}-{n}" for n in range(2, 10_000) if f"{wanted}-{n}" not in taken)


def check_name(name: str) -> str:
    """Raises Invalid."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= 120:
        raise Invalid({"name": [_("Give the site a name of 1 to 120 characters.")]})
    return name


def with_scheme(url: str) -> str:
    """The address as a person types it: a bare host name, with or without a path, gets https://."""
    return f"https://{url.strip()}" if BARE_HOST.fullmatch(url.strip()) else url


def check_site_url(url: str) -> str:
    """The site's address without a trailing slash.  Raises Invalid."""
    url = url.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
    except ValueError:
        fine = False
    if not fine or len(url) > 500 or re.search(r"[\s<>\"\\]", url):
        why = _("Enter the site's address as in a browser, such as https://shop.example.com.")
        raise Invalid({"url": [why]})
    return url


def create_source(
    name: str,
    url: str,
    by: By,
    slug: str | None = None,
    secret: str | None = None,
    type_: SourceType = SourceType.PLUGIN,
) -> tuple[Source, SigningKey, str]:
    """A new source with its first key.  -> (source, key, the secret, shown this once).  Commits.

    Raises Invalid with the reasons per field.
    """
    made = add_source(name, url, by, slug, secret, type_)
    db.session.commit()
    return made


def add_source(
    name: str,
    url: str,
    by: By,
    slug: str | None = None,
    secret: str | None = None,
    type_: SourceType = SourceType.PLUGIN,
) -> tuple[Source, SigningKey, str]:
    """The same within the caller's transaction."""
    reasons: dict[str, list[str]] = {}
    try:
        name = check_name(name)
    except Invalid as exc:
        reasons |= exc.reasons
    try:
        url = check_site_url(with_scheme(url))
    except Invalid as exc:
        reasons |= exc.reasons
    if slug is None:
        slug = _free_slug(slug_from(name, url))
    elif re.search(f"{REMOVED}[0-9]+$", slug):  # would collide with the slug of a removed site
        reasons["slug"] = [
            _(
                "Slugs that end in %(text)s and a number are reserved. Choose another.",
                text=REMOVED,
            )
        ]
    elif not SLUG.fullmatch(slug):
        reasons["slug"] = [_("A slug has at most 64 characters: a-z, 0-9 and -.")]
    elif db.session.scalar(select(Source.id).where(Source.slug == slug)):
        reasons["slug"] = [_("A source with the slug %(slug)s already exists.", slug=slug)]
    if reasons:
        raise Invalid(reasons)
    source = Source(slug=slug, name=name, url=url, type=type_)
    db.session.add(source)
    db.session.flush()
    key, secret = keys.add_key(source, secret)
    more = {} if type_ is SourceType.PLUGIN else {"type": type_.value}
    record(by, "source.create", source.slug, url=url, key=key.key_id, **more)
    revisions.touch(revisions.SOURCES)
    return source, key, secret


def ensure_default(by: By) -> bool:
    """Create the source ``default`` with RELAY_SHARED_SECRET as its first key.  -> whether it was
    created

    Later changes of that setting have no effect: its keys are rotated like those of any source.
    """
    config: Config = current_app.extensions["relay_config"]
    if config.shared_secret is None:
        return False
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        # a removed one is not created again
        made = or_(Source.slug == DEFAULT, Source.slug.startswith(f"{DEFAULT}{REMOVED}"))
        if connection.scalar(select(Source.id).where(made).limit(1)) is not None:
            return False
    create_source(DEFAULT, config.base_url, by, slug=DEFAULT, secret=config.shared_secret)
    return True


def find_source(slug: str, *, removed_too: bool = False, lock: bool = False) -> Source:
    """Raises NotFound.  ``lock`` keeps others from changing it until the transaction ends."""
    wanted = (
        select(Source)
        .where(Source.slug == slug)
        .options(selectinload(Source.keys), selectinload(Source.networks))
    )
    if not removed_too:
        wanted = wanted.where(Source.state == SourceState.ACTIVE)
    if lock:
        # without blocking the rows that refer to it: ingest and the router keep inserting
        wanted = wanted.with_for_update(key_share=True).execution_options(populate_existing=True)
    source = db.session.scalar(wanted)
    if source is None:
        raise NotFound(_("There is no source called %(slug)s.", slug=slug))
    return source


def list_sources(
    limit: int = 100, after: int | None = None, *, removed: bool = False
) -> Page[Source]:
    """Those in use, or those that were ``removed``."""
    return page_of(
        select(Source).where(
            Source.state == (SourceState.CLOSED if removed else SourceState.ACTIVE)
        ),
        Source.id,
        limit,
        after,
        selectinload(Source.keys),
        selectinload(Source.networks),
    )


def source_choices() -> Sequence[Row[str, str]]:
    """``slug`` and ``name`` of every site, for a choice in a form."""
    wanted = select(Source.slug, Source.name).where(Source.state == SourceState.ACTIVE)
    return db.session.execute(wanted.order_by(Source.id.desc()).limit(MAX_LIMIT)).all()


def update_source(slug: str, name: str, url: str, per_minute: int, by: By) -> Source:
    """Raises NotFound, Invalid."""
    source = find_source(slug, lock=True)
    name = check_name(name)
    if not 0 <= per_minute <= 1_000_000:
        raise Invalid({"per_minute": [_("Enter a number from 0 (no limit) to 1,000,000.")]})
    source.name, source.url, source.per_minute = name, check_site_url(with_scheme(url)), per_minute
    record(by, "source.update", slug, name=name, url=source.url, per_minute=per_minute)
    revisions.touch(revisions.SOURCES)
    db.session.commit()
    return source


def normal_cidr(text: str) -> str:
    """One network in its plain form; IPv4 mapped into IPv6 becomes IPv4.  Raises Invalid."""
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as exc:
        why = _("Enter an address such as 203.0.113.7 or a network such as 203.0.113.0/24.")
        raise Invalid({"cidr": [why]}) from exc
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= 96:
        network = ipaddress.ip_network(f"{mapped}/{network.prefixlen - 96}")
    return str(network)


def allow_network(slug: str, cidr: str, by: By) -> AllowedNetwork:
    """From now on, the source can send only from its listed networks.  Raises NotFound, Invalid."""
    source, cidr = find_source(slug), normal_cidr(cidr)
    if any(network.cidr == cidr for network in source.networks):
        raise Invalid({"cidr": [_("%(network)s is already listed.", network=cidr)]})
    network = AllowedNetwork(source_id=source.id, cidr=cidr)
    db.session.add(network)
    record(by, "source.allow", slug, cidr=cidr)
    revisions.touch(revisions.SOURCES)
    db.session.commit()
    return network


def disallow_network(slug: str, cidr: str, by: By) -> None:
    """Remove a network; without any, all addresses are allowed.  Raises NotFound, Invalid."""
    source, cidr = find_source(slug), normal_cidr(cidr)
    network = next((n for n in source.networks if n.cidr == cidr), None)
    if network is None:
        raise NotFound(_("%(network)s is not on the list of %(slug)s.", network=cidr, slug=slug))
    db.session.delete(network)
    record(by, "source.disallow", slug, cidr=cidr)
    revisions.touch(revisions.SOURCES)
    db.session.commit()


def list_rejections(
    source_id: int | None = None, limit: int = 20, after: int | None = None
) -> Page[Rejection]:
    """Rejected requests of one source, or of all."""
    wanted = select(Rejection)
    if source_id is not None:
        wanted = wanted.where(Rejection.source_id == source_id)
    return page_of(wanted, Rejection.id, limit, after)


def endpoint_of(source: Source, config: Config, base: str = "") -> str:
    """Where a site sends its events: below the public address, ``base``, or this host's port."""
    shown = config.public_url or base.rstrip("/") or config.base_url
    return f"{shown}/webhooks/{WAYS[source.type]}/{source.slug}"


def last_events(source_ids: list[int]) -> dict[int, datetime]:
    """When each source's newest stored event was received, by its row id."""
    rows = db.session.execute(
        select(Source.id, last_event_at().label("last_at")).where(Source.id.in_(source_ids))
    )
    return {row.id: row.last_at for row in rows if row.last_at is not None}


def last_event_at(*conditions: ColumnElement[bool]) -> Any:
    """The newest kept event of each ``Source`` in a statement: one step in an index per source."""
    newest = select(func.max(Event.received_at)).where(
        Event.source_id == Source.id, *(conditions or [Event.event_type != CANARY])
    )
    return newest.correlate(Source).scalar_subquery()


def sources_with_last_event() -> list[tuple[Source, datetime | None]]:
    """Every site and when its newest kept event came, without tests of Relay; the newest site first."""
    rows = db.session.execute(
        select(Source, last_event_at(is_from_site()))
        .where(Source.state == SourceState.ACTIVE)
        .order_by(Source.id.desc())
    )
    return [(row[0], row[1]) for row in rows]


def newest_from_site(source_id: int) -> Event | None:
    """The newest kept event that the site sent itself, a test of the plugin too; None if there is none."""
    return db.session.scalar(
        select(Event)
        .where(
            Event.source_id == source_id, Event.event_type.not_in(INTERNAL_TYPES), is_from_site()
        )
        .order_by(Event.received_at.desc())
        .limit(1)
    )


def unlisted_addresses(source: Source) -> list[str]:
    """Up to 5 addresses that sent the newest events of the last 7 days and that no network covers."""
    recent = keys.newest_of(source.id, database.now(db.session) - timedelta(days=7))
    last_at = func.max(recent.c.received_at)
    rows = db.session.execute(
        select(recent.c.address).group_by(recent.c.address).order_by(last_at.desc()).limit(20)
    )
    networks = [ipaddress.ip_network(one.cidr) for one in source.networks]
    seen = [row.address for row in rows]
    return [a for a in seen if not any(ipaddress.ip_address(a) in n for n in networks)][:5]
