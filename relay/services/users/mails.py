"""The mails about accounts: invitations, new passwords, and reports of changes."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from relay import database
from relay.models import User, db
from relay.rules.states import UserState
from relay.services import mail
from relay.services.audit import By
from relay.services.mail import TextMail
from relay.services.users.links import MadeLink, base_url

ROLE_WORDS = {
    "viewer": "You can read everything.",
    "support": "You can read everything and take care of failed deliveries and alerts.",
    "admin": "You can change everything, including the users who can sign in.",
}


def invitation(made: MadeLink, by: By) -> TextMail:
    return TextMail(
        made.email,
        f"Invitation to Relay at {_host()}",
        f"""{_who(by)} invites you to Relay at {base_url()}.

Your role is {made.role}. {ROLE_WORDS[made.role]}

Open this link to set your password:

{made.url}

The link works once and expires on {moment(made.expires_at)}.
If you did not expect this mail, ignore it.
""",
    )


def reset(made: MadeLink, by: By) -> TextMail:
    return TextMail(
        made.email,
        f"Set a new password for Relay at {_host()}",
        f"""{_who(by)} has reset your password for Relay at {base_url()}.
Your old password no longer works.

Open this link to set a new one:

{made.url}

The link works once and expires on {moment(made.expires_at)}.
""",
    )


def forgotten(made: MadeLink, address: str) -> TextMail:
    return TextMail(
        made.email,
        f"Set a new password for Relay at {_host()}",
        f"""Someone asked for a new password for your account at {base_url()},
from the IP address {address or "unknown"}.

If it was you, open this link to set a new password:

{made.url}

The link works once and expires on {moment(made.expires_at)}.
If it was not you, ignore this mail. Your password has not changed.
""",
    )


def new_address(made: MadeLink, email: str, by: By) -> TextMail:
    return TextMail(
        email,
        f"Confirm your e-mail address for Relay at {_host()}",
        f"""{made.email} asked to use this address for an account at {base_url()},
from the IP address {by.address or "unknown"}.

Open this link to confirm it:

{made.url}

The link works once and expires on {moment(made.expires_at)}.
If you did not expect this mail, ignore it. Nothing has changed.
""",
    )


def report_address(user: User, old: str, by: By) -> None:
    """Mail the old address that the account has another one."""
    if not mail.is_set_up():
        return
    mail.send_later(
        TextMail(
            old,
            f"Your e-mail address for Relay at {_host()} was changed",
            f"""The e-mail address of your account for Relay at {base_url()}
was changed from {old} to {user.email}{_origin(user, by, old)}

Sign in with the new address. If you did not expect this, tell an admin at once.
""",
        )
    )


def report_password(user: User, by: By) -> None:
    """Mail the person that the password is new."""
    if user.state != UserState.ACTIVE:
        return
    mail.send_later(
        TextMail(
            user.email,
            f"Your password for Relay at {_host()} was changed",
            f"""Your password for Relay at {base_url()} was changed{_origin(user, by)}

If you did not expect this, ask an admin to reset your password and end your sessions.
""",
        )
    )


def report_factor(user: User, what: str, by: By) -> None:
    """Mail the person a change of the second factor, such as ``The passkey “Laptop” was added``."""
    if not mail.is_set_up() or user.state != UserState.ACTIVE:
        return
    mail.send_later(
        TextMail(
            user.email,
            f"The second factor of your account for Relay at {_host()}",
            f"""{what}{_origin(user, by)}
This is about your account for Relay at {base_url()}.

If you did not expect this, change your password, end your other sessions and tell an admin.
""",
        )
    )


def report_role(user: User, before: str, by: By) -> None:
    """Mail the person that the role is another one."""
    if user.state != UserState.ACTIVE:
        return
    mail.send_later(
        TextMail(
            user.email,
            f"Your role in Relay at {_host()} is now {user.role.value}",
            f"""{_who(by)} changed your role in Relay at {base_url()} from {before} to {user.role.value}.

{ROLE_WORDS[user.role.value]}
""",
        )
    )


def moment(instant: datetime, time_zone: str = "") -> str:
    """``27 November 2026, 22:00 UTC``."""
    return instant.astimezone(ZoneInfo(time_zone or "UTC")).strftime("%d %B %Y, %H:%M %Z")


def _origin(user: User, by: By, *earlier: str) -> str:
    """The end of a sentence: by whom, unless the user did it, when, and from where.

    ``earlier`` are addresses that the account had before.
    """
    who = "" if by.actor in (user.email, *earlier) else f" by {_who(by, first=False)}"
    where = f", from the IP address {by.address}" if by.address else ""
    return f"{who}\non {moment(database.now(db.session), user.time_zone)}{where}."


def _who(by: By, first: bool = True) -> str:
    if "@" in by.actor:
        return by.actor
    return "An operator" if first else "an operator"


def _host() -> str:
    return urlsplit(base_url()).netloc
