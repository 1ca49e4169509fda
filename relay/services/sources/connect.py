"""Connecting a site with a button: an admin allows it here, and the site fetches its key with a code.

The steps and their values are specified in docs/connect.md.  The code is stored as a hash, and so is the
``verifier`` of the site, as its ``challenge``.  Nothing is created before the exchange.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets as random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sqlalchemy import delete, select, update

from relay import database
from relay.errors import Invalid, NotFound, Refusal
from relay.i18n import _
from relay.models import ConnectGrant, Source, User, db
from relay.rules.states import Role, SourceState, SourceType, UserState
from relay.services.audit import By, record
from relay.services.sources import keys
from relay.services.sources import settings as source_settings

LIFETIME = timedelta(minutes=5)
KEPT = timedelta(days=1)  # a grant after it has expired
MAX_FAILURES = 5
MAX_QUERY = 1400  # longer ones do not survive a sign-in in between
STATE = re.compile(r"[A-Za-z0-9_-]{16,128}")
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
VERIFIER = re.compile(r"[A-Za-z0-9_-]{43,128}")
ADDRESS = re.compile(r"https?://[\x21-\x7e]+")
PORTS = {"http": 80, "https": 443}
OURS = ("relay_code", "relay_state", "relay_error")
LIMITS = {"site": 300, "return": 500}
REFUSED = "The code is unknown, expired or was used, or it was made for another site. Start again."  # i18n: keep


@dataclass(frozen=True)
class ConnectRequest:
    """What a site's plugin asks for.  ``back`` is its page to return to."""

    site: str
    back: str
    state: str
    challenge: str
    name: str = ""

    @property
    def host(self) -> str:
        """The host of the site, with its port if it is unusual."""
        return urlsplit(self.site).netloc

    @property
    def is_plain(self) -> bool:
        """Whether the site has no https."""
        return self.site.startswith("http:")

    def answer(self, **values: str) -> str:
        """The page to return to, with the state and ``values`` in its query."""
        parts = urlsplit(self.back)
        query = [*parse_qsl(parts.query, keep_blank_values=True), ("relay_state", self.state)]
        query += values.items()
        return urlunsplit(parts._replace(query=urlencode(query)))


@dataclass(frozen=True)
class ConnectedSite:
    """The result of an exchange: the only time that the secret is shown."""

    source: Source
    key_id: str
    secret: str = field(repr=False)


def read(values: Mapping[str, str]) -> ConnectRequest:
    """The request in a query or a form.  Raises Invalid with the reasons by parameter."""
    reasons: dict[str, list[str]] = {}
    origins = {}
    for name, limit in LIMITS.items():
        text = values.get(name, "")
        try:
            origins[name] = origin_of(text)
        except ValueError:
            reasons[name] = [_("Must be an address such as https://shop.example.com.")]
        if len(text) > limit:
            reasons[name] = [_("Must have at most %(limit)s characters.", limit=limit)]
    back = urlsplit(values.get("return", "")) if "return" not in reasons else None
    if back is not None and any(name in OURS for name, _ in parse_qsl(back.query)):
        reasons["return"] = [_("Must not contain parameters that begin with relay_.")]
    if "site" not in reasons and urlsplit(values.get("site", "")).query:
        reasons["site"] = [_("Must not have a query.")]
    if not reasons and origins["site"] != origins["return"]:
        reasons["return"] = [_("Must be on the same host as the site.")]
    for name, pattern in (("state", STATE), ("challenge", CHALLENGE)):
        if not pattern.fullmatch(values.get(name, "")):
            reasons[name] = [_("Is missing or malformed.")]
    if len(values.get("name", "")) > 120:
        reasons["name"] = [_("Must have at most %(limit)s characters.", limit=120)]
    if reasons:
        raise Invalid(reasons)
    return ConnectRequest(
        values["site"].rstrip("/"),
        values["return"],
        values["state"],
        values["challenge"],
        " ".join(values.get("name", "").split()),
    )


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port.  Raises ValueError for anything but a plain address of a website."""
    parts = urlsplit(url)
    if not ADDRESS.fullmatch(url) or not parts.hostname or parts.username is not None:
        raise ValueError(url)
    if parts.password is not None or "#" in url or "\\" in url or "@" in parts.netloc:
        raise ValueError(url)
    return parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme]


def host_of(url: str) -> tuple[str, int | None]:
    """The host, and the port if it is not the usual one: a site that got https is the same site."""
    scheme, host, port = origin_of(url)
    return host, None if port == PORTS[scheme] else port


def matching_sources(request: ConnectRequest) -> list[Source]:
    """The sources on the host of the site, which can get a new key for it."""
    found = db.session.scalars(
        select(Source)
        .where(Source.state == SourceState.ACTIVE, Source.type == SourceType.PLUGIN)
        .order_by(Source.id)
    )
    return [source for source in found if _is_same_host(source.url, request.site)]


def same_site(request: ConnectRequest, sources: Iterable[Source]) -> str:
    """The slug of that source which has the site's own address; empty without one.

    A host can have several sites, and a new key for another one would disconnect it.
    """
    return next((one.slug for one in sources if one.url.rstrip("/") == request.site), "")


def _is_same_host(one: str, other: str) -> bool:
    try:
        return host_of(one) == host_of(other)
    except ValueError:
        return False


def allow(request: ConnectRequest, slug: str, name: str, by: By) -> str:
    """Let the site fetch a key.  -> the one-time code, which is stored as a hash only

    ``slug`` is one of ``matching_sources``, or empty for a new source with this ``name``.
    Raises NotFound, Invalid.
    """
    source = None
    if slug:
        source = next((one for one in matching_sources(request) if one.slug == slug), None)
        if source is None:
            raise NotFound(
                _("There is no site %(slug)s on %(host)s.", slug=slug, host=request.host)
            )
    else:
        name = source_settings.check_name(name or request.name or request.host)
        source_settings.check_site_url(request.site)
    now, code = database.now(db.session), random.token_urlsafe(32)
    db.session.execute(delete(ConnectGrant).where(ConnectGrant.expires_at < now - KEPT))
    db.session.add(
        ConnectGrant(
            code_hash=hashed(code),
            challenge=request.challenge,
            site=request.site,
            name=name[:120],
            source_id=source.id if source is not None else None,
            allowed_by=by.actor,
            expires_at=now + LIFETIME,
        )
    )
    record(by, "connect.allow", source.slug if source is not None else name, site=request.site)
    db.session.commit()
    return code


def deny(request: ConnectRequest, by: By) -> None:
    record(by, "connect.deny", request.host, site=request.site)
    db.session.commit()


def exchange(code: str, verifier: str, site: str, address: str) -> ConnectedSite:
    """The key for a site that shows the code and what its challenge was made of.  Raises Refusal."""
    now = database.now(db.session)
    grant = db.session.scalar(
        select(ConnectGrant).where(ConnectGrant.code_hash == hashed(code)).with_for_update()
    )
    if grant is None or grant.used_at is not None or grant.expires_at <= now:
        raise _refused()
    proves = hmac.compare_digest(challenge_of(verifier), grant.challenge)
    if not (proves and site.rstrip("/") == grant.site and grant.failures < MAX_FAILURES):
        grant.failures += 1
        db.session.commit()
        raise _refused()
    used = db.session.execute(
        update(ConnectGrant)
        .where(ConnectGrant.id == grant.id, ConnectGrant.used_at.is_(None))
        .values(used_at=now)
    )
    if not used.rowcount or not _is_admin(grant.allowed_by):  # type: ignore[attr-defined]
        raise _refused()
    by = By(grant.allowed_by, address)
    if grant.source_id is None:
        source, key, secret = source_settings.add_source(grant.name, grant.site, by)
    else:
        source = db.session.get_one(Source, grant.source_id)
        if source.state != SourceState.ACTIVE or not _is_same_host(source.url, grant.site):
            raise _refused()
        key, secret = keys.replace_key(source, by)
    record(by, "connect.exchange", source.slug, site=grant.site, key=key.key_id)
    db.session.commit()
    return ConnectedSite(source, key.key_id, secret)


def _refused() -> Refusal:
    db.session.rollback()
    return Refusal(REFUSED)


def _is_admin(email: str) -> bool:
    """Whether the person who allowed it still may."""
    wanted = select(User).where(User.email == email, User.state == UserState.ACTIVE)
    user = db.session.scalar(wanted)
    return user is not None and user.role == Role.ADMIN and user.site_ids is None


def hashed(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def challenge_of(verifier: str) -> str:
    """base64url of its SHA-256, without padding (RFC 7636, S256)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
