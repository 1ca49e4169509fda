"""The rule ``failed_sign_ins``: someone may be guessing the password of a person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import func, select

from relay.i18n import N_, _
from relay.models import AuditEntry, User
from relay.rules.alerts import Reading, ReadingLevel
from relay.services.alerts.readings import Context, counted

RULE = "failed_sign_ins"
READ_RULES = (RULE,)
WINDOW = timedelta(minutes=15)
# the second one is recorded at most once a minute for an address, however many attempts it stands for
ACTIONS = ("user.sign_in_refused", "user.sign_in_limited")
ADVICE = N_(
    "The audit log lists the attempts with their addresses. If the person does not know of them, someone "
    "may be guessing the password: see that it is used nowhere else, and turn on a second factor. "
    "Relay slows such attempts down, and the person can still sign in from a browser they used before."
)


def read(context: Context) -> Iterator[Reading]:
    """One reading for each person with failed attempts in the last 15 minutes, in one statement."""
    number = func.count().label("number")
    addresses = func.count(AuditEntry.address.distinct()).label("addresses")
    rows = context.connection.execute(
        select(User.id, User.email, number, addresses)
        .join(AuditEntry, AuditEntry.object_label == User.email)
        .where(AuditEntry.at >= context.now - WINDOW, AuditEntry.action.in_(ACTIONS))
        .group_by(User.id, User.email)
    )
    threshold = context.thresholds[RULE]
    for row in rows:
        addresses_words = counted(
            row.addresses, N_("%(count)s IP address"), N_("%(count)s IP addresses")
        )
        attempts = counted(row.number, N_("%(count)s sign-in"), N_("%(count)s sign-ins"))
        yield Reading(
            RULE,
            f"user:{row.id}",
            ReadingLevel.FIRING if row.number >= threshold else ReadingLevel.CLEAR,
            float(row.number),
            _(
                "%(what)s as %(email)s failed in the last 15 minutes, from %(thing)s.",
                what=attempts,
                email=row.email,
                thing=addresses_words,
            ),
            ADVICE,
            path=f"/team/{row.id}",
            count=row.number,
        )
