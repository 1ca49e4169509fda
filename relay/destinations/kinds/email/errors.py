"""Every answer of a mail server that is documented: what it means, and what a person does about it.

Sources: RFC 5321 (section 4.2.3), RFC 4954 (logins), RFC 7504 (521 and 556).
"""

from __future__ import annotations

from relay.destinations.outcomes.http import classify
from relay.destinations.outcomes.known_errors import ErrorAction, KnownError
from relay.rules.lifecycle import Accepted, Signal
from relay.transport import smtp
from relay.transport.request import Reply

RETRY, PAUSE, FIX = ErrorAction.RETRY, ErrorAction.PAUSE, ErrorAction.FIX
# by the server's reply code
ERRORS: dict[int, KnownError] = {
    421: KnownError(
        RETRY, "mail_away", "The mail server is not available just now. Relay tries again."
    ),
    432: KnownError(
        PAUSE, "password_change", "The mail server wants the password changed. Then resume."
    ),
    450: KnownError(
        RETRY, "mailbox_busy", "The mailbox is busy or the server checks us. Relay tries again."
    ),
    451: KnownError(
        RETRY, "mail_trouble", "The mail server has trouble of its own. Relay tries again."
    ),
    452: KnownError(
        RETRY, "mailbox_full", "The mail server has no room left just now. Relay tries again."
    ),
    454: KnownError(
        RETRY, "login_trouble", "The mail server cannot check logins now. Relay tries again."
    ),
    455: KnownError(
        RETRY, "mail_trouble", "The mail server has trouble of its own. Relay tries again."
    ),
    521: KnownError(
        PAUSE, "no_mail_server", "This server takes no mail. Check its name, then resume."
    ),
    530: KnownError(
        PAUSE,
        "login_needed",
        "The mail server wants a login. Enter user and password, then resume.",
    ),
    534: KnownError(
        PAUSE,
        "login_too_weak",
        "The mail server wants another kind of login. Ask its operator, then resume.",
    ),
    535: KnownError(
        PAUSE,
        "bad_login",
        "The mail server does not accept user and password. Enter them again, then resume.",
    ),
    538: KnownError(
        PAUSE,
        "encryption_needed",
        "The mail server wants encryption. Choose it in the settings, then resume.",
    ),
    541: KnownError(
        FIX,
        "taken_for_spam",
        "The mail server takes the message for spam. Change its text or sender.",
    ),
    550: KnownError(
        FIX, "no_mailbox", "There is no such mailbox, or it takes no mail from this sender."
    ),
    551: KnownError(FIX, "no_mailbox", "The mailbox is elsewhere. Check the recipient's address."),
    552: KnownError(FIX, "too_large", "The message is too large for the mailbox."),
    553: KnownError(
        FIX,
        "bad_address",
        "The mail server does not take this address. Check sender and recipient.",
    ),
    554: KnownError(
        FIX, "mail_refused", "The mail server refuses the message. Its own words say why."
    ),
    555: KnownError(
        FIX,
        "bad_address",
        "The mail server does not take this address. Check sender and recipient.",
    ),
    556: KnownError(FIX, "no_mailbox", "The recipient's domain takes no mail. Check the address."),
}

NOT_OFFERED = KnownError(
    PAUSE,
    smtp.NOT_OFFERED,
    "The mail server does not offer what the settings ask for (encryption by STARTTLS, or a login). "
    "Choose another encryption or port in the settings, then resume.",
)


def signal_of(reply: Reply) -> Signal:
    """SMTP's own rule where the table has nothing: 4xx may pass, 5xx will not."""
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
            f"The mail server answered {reply.status}: it refuses this.",
        )
    if known is None:
        known = KnownError(
            RETRY,
            f"smtp_{reply.status}",
            f"The mail server answered {reply.status}: not now. Relay tries again.",
        )
    return known.signal()
