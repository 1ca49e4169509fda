"""The mails about accounts: invitations, new passwords, and reports of changes.

Each is in the language of its reader: the one that the person chose, else that of the page where the mail
was caused.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from relay import database
from relay.i18n import N_, SOURCE, _, in_language, language
from relay.models import User, db
from relay.rules.states import UserState
from relay.services import mail
from relay.services.audit import By
from relay.services.mail import TextMail
from relay.services.users.links import MadeLink, base_url

ROLE_WORDS = {
    "viewer": N_("You can read everything."),
    "support": N_("You can read everything and take care of failed deliveries and alerts."),
    "admin": N_("You can change everything, including the users who can sign in."),
}


def invitation(made: MadeLink, by: By) -> TextMail:
    with in_language(made.language or language()):
        return TextMail(
            made.email,
            _("Invitation to Relay at %(host)s", host=_host()),
            _(
                """%(who)s invites you to Relay at %(relay)s.

Your role is %(role)s. %(may)s

Open this link to set your password:

%(url)s

The link works once and expires on %(time)s.
If you did not expect this mail, ignore it.
""",
                who=_who(by),
                relay=base_url(),
                role=_(made.role),
                may=_(ROLE_WORDS[made.role]),
                url=made.url,
                time=moment(made.expires_at),
            ),
        )


def reset(made: MadeLink, by: By) -> TextMail:
    with in_language(made.language or language()):
        return TextMail(
            made.email,
            _("Set a new password for Relay at %(host)s", host=_host()),
            _(
                """%(who)s has reset your password for Relay at %(relay)s.
Your old password no longer works.

Open this link to set a new one:

%(url)s

The link works once and expires on %(time)s.
""",
                who=_who(by),
                relay=base_url(),
                url=made.url,
                time=moment(made.expires_at),
            ),
        )


def forgotten(made: MadeLink, address: str) -> TextMail:
    with in_language(made.language or language()):
        return TextMail(
            made.email,
            _("Set a new password for Relay at %(host)s", host=_host()),
            _(
                """Someone asked for a new password for your account at %(relay)s,
from the IP address %(address)s.

If it was you, open this link to set a new password:

%(url)s

The link works once and expires on %(time)s.
If it was not you, ignore this mail. Your password has not changed.
""",
                relay=base_url(),
                address=address or _("unknown"),
                url=made.url,
                time=moment(made.expires_at),
            ),
        )


def new_address(made: MadeLink, email: str, by: By) -> TextMail:
    with in_language(made.language or language()):
        return TextMail(
            email,
            _("Confirm your e-mail address for Relay at %(host)s", host=_host()),
            _(
                """%(email)s asked to use this address for an account at %(relay)s,
from the IP address %(address)s.

Open this link to confirm it:

%(url)s

The link works once and expires on %(time)s.
If you did not expect this mail, ignore it. Nothing has changed.
""",
                email=made.email,
                relay=base_url(),
                address=by.address or _("unknown"),
                url=made.url,
                time=moment(made.expires_at),
            ),
        )


def report_address(user: User, old: str, by: By) -> None:
    """Mail the old address that the account has another one."""
    if not mail.is_set_up():
        return
    with in_language(user.language or language()):
        made = TextMail(
            old,
            _("Your e-mail address for Relay at %(host)s was changed", host=_host()),
            _(
                """The e-mail address of your account for Relay at %(relay)s
was changed from %(old)s to %(new)s%(origin)s

Sign in with the new address. If you did not expect this, tell an admin at once.
""",
                relay=base_url(),
                old=old,
                new=user.email,
                origin=_origin(user, by, old),
            ),
        )
    mail.send_later(made)


def report_password(user: User, by: By) -> None:
    """Mail the person that the password is new."""
    if user.state != UserState.ACTIVE:
        return
    with in_language(user.language or language()):
        made = TextMail(
            user.email,
            _("Your password for Relay at %(host)s was changed", host=_host()),
            _(
                """Your password for Relay at %(relay)s was changed%(origin)s

If you did not expect this, ask an admin to reset your password and end your sessions.
""",
                relay=base_url(),
                origin=_origin(user, by),
            ),
        )
    mail.send_later(made)


def report_factor(user: User, what: str, by: By, **values: str) -> None:
    """Mail the person a change of the second factor, such as ``The passkey “%(name)s” was added``."""
    if not mail.is_set_up() or user.state != UserState.ACTIVE:
        return
    with in_language(user.language or language()):
        made = TextMail(
            user.email,
            _("The second factor of your account for Relay at %(host)s", host=_host()),
            _(
                """%(what)s%(origin)s
This is about your account for Relay at %(relay)s.

If you did not expect this, change your password, end your other sessions and tell an admin.
""",
                what=_(what, **values),
                origin=_origin(user, by),
                relay=base_url(),
            ),
        )
    mail.send_later(made)


def report_role(user: User, before: str, by: By) -> None:
    """Mail the person that the role is another one."""
    if user.state != UserState.ACTIVE:
        return
    role = user.role.value
    with in_language(user.language or language()):
        made = TextMail(
            user.email,
            _("Your role in Relay at %(host)s is now %(role)s", host=_host(), role=_(role)),
            _(
                """%(who)s changed your role in Relay at %(relay)s from %(before)s to %(role)s.

%(may)s
""",
                who=_who(by),
                relay=base_url(),
                before=_(before),
                role=_(role),
                may=_(ROLE_WORDS[role]),
            ),
        )
    mail.send_later(made)


def moment(instant: datetime, time_zone: str = "") -> str:
    """``27 November 2026, 22:00 UTC``."""
    local = instant.astimezone(ZoneInfo(time_zone or "UTC"))
    if language() == SOURCE:
        return local.strftime("%d %B %Y, %H:%M %Z")
    from babel.dates import format_date  # here: a list needs none

    day = format_date(local, "long", locale=language())
    return f"{day}, {local.strftime('%H:%M')} {_(local.tzname() or 'UTC')}"


def _origin(user: User, by: By, *earlier: str) -> str:
    """The end of a sentence: by whom, unless the user did it, when, and from where.

    ``earlier`` are addresses that the account had before.
    """
    is_own = by.actor in (user.email, *earlier)
    who = "" if is_own else _(" by %(who)s", who=_who(by, first=False))
    at = moment(database.now(db.session), user.time_zone)
    if by.address:
        return _(
            "%(who)s\non %(time)s, from the IP address %(address)s.",
            who=who,
            time=at,
            address=by.address,
        )
    return _("%(who)s\non %(time)s.", who=who, time=at)


def _who(by: By, first: bool = True) -> str:
    if "@" in by.actor:
        return by.actor
    return _("An operator") if first else _("an operator")


def _host() -> str:
    return urlsplit(base_url()).netloc
