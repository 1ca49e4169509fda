"""Signing keys, and the secrets and tokens of webhooks: created, rotated with a window in which both verify, revoked at once."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets as random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from config import COPY_SAFE, check_secret
from relay import database, secrets
from relay.errors import Invalid, NotFound, Refusal, SettingsError
from relay.i18n import _
from relay.local_dates import in_words
from relay.models import Event, SigningKey, Source, db
from relay.models.event import is_from_site
from relay.rules.states import KeyState
from relay.services.audit import By, record
from relay.services.sources import revisions

DEFAULT_WINDOW = timedelta(hours=24)
LONGEST_WINDOW = timedelta(days=30)
NEWEST = 2_000  # events that are read to show how keys and addresses are used
MAX_SITES = 6  # shown per key


def new_secret() -> str:
    """32 random bytes as text that is safe to copy: letters, digits, - and _ only."""
    return random.token_urlsafe(32)


def connection_string(endpoint: str, key_id: str, secret: str) -> str:
    """Endpoint, key id and secret as one text to paste; see docs/connect.md."""
    values = {"endpoint": endpoint, "key_id": key_id, "secret": secret}
    text = base64.urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode())
    return f"relay1_{text.decode().rstrip('=')}"


def fingerprint(secret: str) -> str:
    """The first 8 hex digits of its SHA-256; the site's page shows the same, so people can compare."""
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


def add_key(source: Source, secret: str | None = None) -> tuple[SigningKey, str]:
    """Add an active key to the running transaction.  Raises Invalid for a weak secret."""
    if secret is None:
        secret = new_secret()
    try:
        check_secret("The secret", secret)  # i18n: keep
    except SettingsError as exc:
        raise Invalid({"secret": [str(exc)]}) from exc
    if not COPY_SAFE.fullmatch(secret):
        raise Invalid({"secret": [_("Use ASCII letters, digits and punctuation without spaces.")]})
    mark = fingerprint(secret)
    for other in source.keys:
        if other.fingerprint == mark and other.state != KeyState.REVOKED:
            raise Invalid({"secret": [_("This site already has a key with this secret.")]})
    key = SigningKey(
        key_id=f"key_{random.token_hex(6)}",
        source=source,
        sealed_secret=secrets.box().seal(secret),
        fingerprint=mark,
    )
    db.session.add(key)
    db.session.flush()
    return key, secret


def parse_window(text: str) -> timedelta:
    """``24h``, ``90m``, ``7d``, ``0``: from zero to 30 days.  Raises Invalid."""
    found = re.fullmatch(r"([0-9]{1,6})\s*([smhd]?)", text.strip().lower())
    if not found:
        raise Invalid({"window": [_("Enter a time such as 24h, 90m or 7d.")]})
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "": "hours"}[found[2]]
    window = timedelta(**{unit: int(found[1])})
    if window > LONGEST_WINDOW:
        raise Invalid({"window": [_("The time may be at most 30 days.")]})
    return window


def rotate_key(
    source: Source,
    by: By,
    window: timedelta = DEFAULT_WINDOW,
    secret: str | None = None,
    *,
    leaked: bool = False,
    newest: str = "",
) -> tuple[SigningKey, str]:
    """``replace_key``, committed."""
    made = replace_key(source, by, window, secret, leaked=leaked, newest=newest)
    db.session.commit()
    return made


def replace_key(
    source: Source,
    by: By,
    window: timedelta = DEFAULT_WINDOW,
    secret: str | None = None,
    *,
    leaked: bool = False,
    newest: str = "",
) -> tuple[SigningKey, str]:
    """A new active key; every older one verifies until the window ends.  -> (key, secret, shown once)

    The caller commits.

    ``leaked``: the older keys may be known to others.  They are revoked at once, so no request that one
    of them signed gets the new key, and a person enters it on the site.
    ``newest`` is the id of the newest key that the person saw.  Raises Refusal if there is a newer one:
    the page was loaded again, or another person was faster.  Raises Invalid for a weak secret.
    """
    db.session.execute(select(Source.id).where(Source.id == source.id).with_for_update())
    db.session.expire(source, ["keys"])
    if newest and source.keys and source.keys[0].key_id != newest:
        raise Refusal(
            _(
                "The signing key of %(site)s was rotated already, and its secret is shown once. If you did not "
                "copy it, rotate the key again.",
                site=source.name,
            )
        )
    now = database.now(db.session)
    older = usable_keys(source, now)
    key, secret = add_key(source, secret)
    if leaked:
        window = timedelta(0)
        for one in older:
            _revoke(one, by, now)
    for one in older:
        if one.state == KeyState.ACTIVE:
            one.state, one.not_after = KeyState.RETIRING, now + window
    record(
        by,
        "key.rotate",
        source.slug,
        key=key.key_id,
        window_s=window.total_seconds(),
        reason="may have leaked" if leaked else "routine",
    )
    revisions.touch(revisions.SOURCES)
    return key, secret


def usable_keys(source: Source, now: datetime) -> list[SigningKey]:
    """The keys that verify requests now, newest first."""
    return [key for key in source.keys if shown_state(key, now) in ("active", "retiring")]


def without(key: SigningKey, now: datetime) -> str:
    """What the site loses with this key, as a sentence; empty if another active key is left."""
    others = [one for one in usable_keys(key.source, now) if one.id != key.id]
    if not others:
        return _(
            "This is the last key of the site that works: Relay rejects all its events until you create "
            "a new key and enter it there. They wait on the site."
        )
    if any(one.state == KeyState.ACTIVE for one in others):
        return ""
    ends = max(one.not_after for one in others if one.not_after is not None)
    time = f"{ends:%H:%M}"
    return _(
        "The other keys of the site expire: the last one at %(time)s UTC on %(day)s. Then Relay rejects all "
        "its events until you create a new key and enter it there.",
        time=time,
        day=in_words(ends, _("d MMMM")),
    )


def find_key(key_id: str) -> SigningKey:
    """Raises NotFound."""
    key = db.session.scalar(
        select(SigningKey)
        .where(SigningKey.key_id == key_id)
        .options(selectinload(SigningKey.source))
    )
    if key is None:
        raise NotFound(_("There is no key %(key)s.", key=key_id))
    return key


def revoke_key(key_id: str, by: By) -> SigningKey:
    """The key stops verifying in every process within 5 s.  Raises NotFound, Refusal."""
    key = find_key(key_id)
    if key.state == KeyState.REVOKED:
        raise Refusal(_("%(key)s is already revoked.", key=key_id))
    _revoke(key, by, database.now(db.session))
    revisions.touch(revisions.SOURCES)
    db.session.commit()
    return key


def _revoke(key: SigningKey, by: By, now: datetime) -> None:
    key.state, key.revoked_at = KeyState.REVOKED, now
    record(by, "key.revoke", key.source.slug, key=key.key_id)


@dataclass(frozen=True)
class KeyUse:
    """``last_used_at`` and ``sites`` cover the stored events; ``share_today`` is 0 to 1."""

    last_used_at: datetime | None
    share_today: float
    sites: tuple[str, ...]


def key_use(source: Source, now: datetime) -> dict[int, KeyUse]:
    """How each key of a source is used, by its row id, in three statements.

    The share and the sites are those of its newest events.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    recent = newest_of(source.id, now - timedelta(days=7))
    today: dict[int, int] = dict(
        db.session.execute(
            select(recent.c.signing_key_id, func.count())
            .where(recent.c.received_at >= midnight)
            .group_by(recent.c.signing_key_id)
        ).all()
    )
    every = sum(today.values()) or 1
    newest = select(func.max(Event.received_at)).where(
        Event.signing_key_id == SigningKey.id, is_from_site()
    )
    last = dict(
        db.session.execute(
            select(SigningKey.id, newest.correlate(SigningKey).scalar_subquery()).where(
                SigningKey.source_id == source.id
            )
        ).all()
    )
    sites = _sites_by_key(recent)
    return {
        key.id: KeyUse(last.get(key.id), today.get(key.id, 0) / every, tuple(sites.get(key.id, ())))
        for key in source.keys
    }


def newest_of(source_id: int, since: datetime) -> Any:
    """The newest events of a source, NEWEST at most, as a subquery: enough to show what sends them."""
    return (
        select(Event.signing_key_id, Event.site, Event.address, Event.received_at)
        .where(
            Event.source_id == source_id,
            Event.received_at >= since,
            is_from_site(),
        )
        .order_by(Event.received_at.desc())
        .limit(NEWEST)
        .subquery()
    )


def _sites_by_key(recent: Any) -> dict[int, list[str]]:
    """Up to MAX_SITES addresses per key that events of this source came from."""
    pairs = select(recent.c.signing_key_id, recent.c.site).distinct().subquery()
    order = func.row_number().over(partition_by=pairs.c.signing_key_id, order_by=pairs.c.site)
    numbered = select(pairs, order.label("number")).subquery()
    found: dict[int, list[str]] = {}
    for row in db.session.execute(
        select(numbered).where(numbered.c.number <= MAX_SITES).order_by(numbered.c.site)
    ):
        found.setdefault(row.signing_key_id, []).append(row.site)
    return found


def shown_state(key: SigningKey, now: datetime) -> str:
    """``active``, ``retiring``, ``expired`` or ``revoked``, as of ``now``."""
    if key.state == KeyState.RETIRING and key.not_after is not None and key.not_after <= now:
        return "expired"
    return key.state
