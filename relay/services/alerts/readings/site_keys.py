"""The rule ``old_key``: a site still signs with a key that ends soon."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from relay.i18n import N_, _
from relay.models import Event, SigningKey
from relay.rules.alerts import Reading, ReadingLevel
from relay.rules.states import KeyState
from relay.services.alerts.readings import Context, ObservedSite, day_of

RULE = "old_key"
# A site that changed to the new key seldom uses the old one again; with two installations, one may.
TOGETHER = timedelta(minutes=15)
ADVICE = N_(
    "Choose Fetch the new key under Settings → Relay on the site, or enter the newest key there. "
    "If several installations use this site's keys, check each of them. When the key has ended, its "
    "requests are rejected; the events wait on the site."
)


def read(context: Context, sites: Mapping[int, ObservedSite]) -> Iterator[Reading]:
    """One reading per site with such a key, in at most two statements."""
    ends = context.now + timedelta(hours=context.thresholds[RULE])
    retiring = context.connection.execute(
        select(SigningKey.source_id).where(
            SigningKey.state == KeyState.RETIRING,
            SigningKey.not_after > context.now,
            SigningKey.not_after <= ends,
        )
    )
    wanted = {row.source_id for row in retiring} & sites.keys()
    if not wanted:
        return
    # one step in an index per key
    last_used = (
        select(func.max(Event.received_at))
        .where(Event.signing_key_id == SigningKey.id)
        .correlate(SigningKey)
        .scalar_subquery()
    )
    keys: dict[int, list[Any]] = defaultdict(list)
    for row in context.connection.execute(
        select(
            SigningKey.source_id,
            SigningKey.key_id,
            SigningKey.state,
            SigningKey.not_after,
            SigningKey.created_at,
            last_used.label("used_at"),
        )
        .where(SigningKey.source_id.in_(wanted), SigningKey.state != KeyState.REVOKED)
        .order_by(SigningKey.id)
    ):
        keys[row.source_id].append(row)
    for source_id, found in keys.items():
        old = [
            key
            for number, key in enumerate(found)
            if key.state == KeyState.RETIRING
            and context.now < key.not_after <= ends
            and is_in_use(key.used_at, found[number + 1 :])
        ]
        if old:
            yield _reading(context, sites[source_id], min(old, key=lambda key: key.not_after))


def is_in_use(used_at: datetime | None, newer: Sequence[Any]) -> bool:
    """Whether the key signed after a newer one was made, and at least as lately as every newer one."""
    if used_at is None or not newer:
        return False
    newest = max((key.used_at for key in newer if key.used_at is not None), default=None)
    return used_at > newer[-1].created_at and (newest is None or used_at > newest - TOGETHER)


def _reading(context: Context, site: ObservedSite, key: Any) -> Reading:
    left = key.not_after - context.now
    return Reading(
        RULE,
        site.subject,
        ReadingLevel.FIRING,
        value=left / timedelta(hours=1),
        sentence=_(
            "%(name)s still signs with the old key %(key)s, which ends at %(hour)s UTC on %(day)s.",
            name=site.name,
            key=key.key_id,
            hour=f"{key.not_after:%H:%M}",
            day=day_of(key.not_after),
        ),
        advice=ADVICE,
        path=site.path,
    )
