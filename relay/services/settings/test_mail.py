"""A test of the mail server for Relay's own mails."""

from __future__ import annotations

from relay.i18n import N_, _
from relay.models import db
from relay.services import mail
from relay.services.audit import By, record

TEXT = N_(
    "This is a test mail of Relay.\n\n"
    "If you can read it, mails about accounts, such as invitations and new passwords, are delivered."
)


def send(to: str, by: By) -> str:
    """Send one mail now.  -> the reason if it failed, else empty.  Raises Unavailable without a mail server."""
    record(by, "mail.test", to)
    db.session.commit()
    return mail.send(mail.TextMail(to, _("Test mail of Relay"), _(TEXT)))
