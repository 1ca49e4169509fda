"""Every documented reply code of a mail server, with what Relay does and a sentence for a person.

Sources: RFC 5321 (section 4.2.3), RFC 4954 (authentication), RFC 7504 (521 and 556).
"""

from __future__ import annotations

from relay.destinations.outcomes.http import classify
from relay.destinations.outcomes.known_errors import ErrorAction, KnownError
from relay.rules.lifecycle import Accepted, Signal
from relay.transport import smtp
from relay.transport.request import Reply

RETRY, PAUSE, FIX = ErrorAction.RETRY, ErrorAction.PAUSE, ErrorAction.FIX
INTERNAL = "The mail server has an internal error. Relay retries."
ADDRESS = "The mail server does not accept this address. Check the sender and the recipient."

ERRORS: dict[int, KnownError] = {
    421: KnownError(
        RETRY, "mail_away", "The mail server is temporarily unavailable. Relay retries."
    ),
    432: KnownError(
        PAUSE,
        "password_change",
        "The mail server requires a new password. Change it there, enter it in the settings and resume.",
    ),
    450: KnownError(
        RETRY,
        "mailbox_busy",
        "The mailbox is busy, or the mail server delays unknown senders. Relay retries.",
    ),
    451: KnownError(RETRY, "mail_trouble", INTERNAL),
    452: KnownError(RETRY, "mailbox_full", "The mail server's storage is full. Relay retries."),
    454: KnownError(
        RETRY, "login_trouble", "The mail server cannot check logins at the moment. Relay retries."
    ),
    455: KnownError(RETRY, "mail_trouble", INTERNAL),
    521: KnownError(
        PAUSE,
        "no_mail_server",
        "This server does not accept mail. Check its name in the settings, then resume.",
    ),
    530: KnownError(
        PAUSE,
        "login_needed",
        "The mail server requires a login. Enter the user and password, then resume.",
    ),
    534: KnownError(
        PAUSE,
        "login_too_weak",
        "The mail server requires another login method. Ask its operator, then resume.",
    ),
    535: KnownError(
        PAUSE,
        "bad_login",
        "The mail server does not accept the user and password. Enter them again, then resume.",
    ),
    538: KnownError(
        PAUSE,
        "encryption_needed",
        "The mail server requires encryption. Choose it in the settings, then resume.",
    ),
    541: KnownError(
        FIX,
        "taken_for_spam",
        "The mail server rejects the message as spam. Change its text or its sender.",
    ),
    550: KnownError(
        FIX,
        "no_mailbox",
        "The mailbox does not exist or does not accept mail from this sender. Check both addresses.",
    ),
    551: KnownError(
        FIX, "no_mailbox", "The mailbox is not on this mail server. Check the recipient's address."
    ),
    552: KnownError(
        FIX, "too_large", "The message is too large for the mailbox. Shorten its text."
    ),
    553: KnownError(FIX, "bad_address", ADDRESS),
    554: KnownError(
        FIX, "mail_refused", "The mail server rejects the message. Its reply below has the reason."
    ),
    555: KnownError(FIX, "bad_address", ADDRESS),
    556: KnownError(
        FIX, "no_mailbox", "The recipient's domain does not accept mail. Check the address."
    ),
}

NOT_OFFERED = KnownError(
    PAUSE,
    smtp.NOT_OFFERED,
    "The mail server does not support what the settings require (STARTTLS, or a login). "
    "Choose another encryption or port in the settings, then resume.",
)


def signal_of(reply: Reply) -> Signal:
    """The outcome of a reply.  A code that is not in the table follows SMTP: 4xx is retried, 5xx not."""
    if reply.error == smtp.NOT_OFFERED:
        return NOT_OFFERED.signal()
    if reply.error is not None or reply.status is None:
        return classify(reply)
    if 200 <= reply.status < 300:
        return Accepted()
    known = ERRORS.get(reply.status)
    if known is None and reply.status >= 500:
        known = KnownError(
            FIX,
            f"smtp_{reply.status}",
            f"The mail server rejects the message with status {reply.status}.",
        )
    if known is None:
        known = KnownError(
            RETRY,
            f"smtp_{reply.status}",
            f"The mail server rejects the message for now, with status {reply.status}. Relay retries.",
        )
    return known.signal()
