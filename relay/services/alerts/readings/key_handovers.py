"""The rules ``key_fetched`` and ``key_refused``: who asked for the new signing key of a site.

Both alerts are open for a day: there is no state that ends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from relay.i18n import N_, _
from relay.models import Rejection, SigningKey
from relay.rules.alerts import Reading, ReadingLevel
from relay.services.alerts.readings import Context, ObservedSite
from relay.services.alerts.readings.rejected_requests import split_sentence

FETCHED, REFUSED = RULES = ("key_fetched", "key_refused")
REASONS = ("key_handed_over", "key_to_unknown_address")  # as in the table of refusals of ingest
OPEN_FOR = timedelta(days=1)
FETCHED_ADVICE = N_(
    "If nobody fetched it on the site, someone else has the old key: rotate the key with the reason that "
    "it may have leaked."
)


def read(context: Context, sites: Mapping[int, ObservedSite]) -> Iterator[Reading]:
    """One reading per site and rule, in two statements."""
    since = context.now - OPEN_FOR
    fetched = context.connection.execute(
        select(
            SigningKey.source_id,
            SigningKey.key_id,
            SigningKey.handed_over_at.label("at"),
            SigningKey.handed_over_to,
        )
        .where(SigningKey.handed_over_at > since)
        .order_by(SigningKey.handed_over_at)
    )
    for source_id, rows in by_site(fetched, sites).items():
        site, newest = sites[source_id], rows[-1]
        yield Reading(
            FETCHED,
            site.subject,
            ReadingLevel.FIRING,
            value=float(len(rows)),
            sentence=_(
                "%(name)s fetched its new signing key from %(address)s, with a request that the "
                "old key %(key)s signed.",
                name=site.name,
                address=newest.handed_over_to,
                key=newest.key_id,
            ),
            advice=FETCHED_ADVICE,
            path=f"{site.path}#keys",
            count=len(rows),
            since=rows[0].at,
            newest=newest.at,
        )
    refused = context.connection.execute(
        select(
            Rejection.source_id,
            Rejection.sentence,
            Rejection.count,
            Rejection.first_at,
            Rejection.last_at.label("at"),
        )
        .where(Rejection.reason.in_(REASONS), Rejection.last_at > since)
        .order_by(Rejection.last_at)
    )
    for source_id, rows in by_site(refused, sites).items():
        site, newest = sites[source_id], rows[-1]
        happened, advice = split_sentence(newest.sentence)
        total = sum(row.count for row in rows)
        again = (
            ""
            if total == 1
            else " " + N_("There were %(count)s such requests.") % {"count": f"{total:,}"}
        )
        yield Reading(
            REFUSED,
            site.subject,
            ReadingLevel.FIRING,
            value=float(total),
            sentence=f"{site.name}: {happened[0].lower()}{happened[1:]}{again}",
            advice=advice,
            path=f"{site.path}#rejections",
            count=total,
            since=rows[0].first_at,
            newest=newest.at,
        )


def by_site(rows: Any, sites: Mapping[int, ObservedSite]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        if row.source_id in sites:
            found[row.source_id].append(row)
    return found
