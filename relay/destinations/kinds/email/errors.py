"""Every documented reply of a mail server, with what Relay does and a sentence for a person.

The enhanced status code says more than the three digits, so it counts first.

Sources: RFC 5321 (section 4.2.3), RFC 4954 (authentication), RFC 7504 (521 and 556), RFC 3463 and
https://www.iana.org/assignments/smtp-enhanced-status-codes (enhanced codes),
https://support.google.com/a/answer/3726730 (Gmail's use of them),
https://learn.microsoft.com/en-us/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online/non-delivery-reports-in-exchange-online
(Microsoft's own codes).
"""

from __future__ import annotations

import re

from relay.destinations.outcomes.http import classify
from relay.destinations.outcomes.known_errors import ErrorAction, KnownError
from relay.i18n import N_, _
from relay.rules.lifecycle import Accepted, Refused, Signal
from relay.transport import smtp
from relay.transport.request import Reply

RETRY, WAIT, PAUSE, FIX = ErrorAction.RETRY, ErrorAction.WAIT, ErrorAction.PAUSE, ErrorAction.FIX
LIMIT_WAIT_S = 3600.0  # such limits are per hour or day, and an attempt before then may extend them
INTERNAL = N_("The mail server has an internal error. Relay retries.")
ADDRESS = N_("The mail server does not accept this address. Check the sender and the recipient.")
MAILBOX_FULL = KnownError(
    FIX,
    "mailbox_full",
    N_("The recipient's mailbox is full. Resend the mail when it has space again."),
)
TOO_LARGE = KnownError(
    FIX, "too_large", N_("The message is too large for the mail server. Shorten its text.")
)
NO_MAILBOX = KnownError(
    FIX, "no_mailbox", N_("The recipient's address does not exist. Check it for a typing error.")
)
SENDING_LIMIT = KnownError(
    WAIT,
    "sending_limit",
    N_("The mail account has reached its sending limit. Relay waits and tries again every hour."),
)
TOO_MANY = KnownError(
    WAIT,
    "too_many_mails",
    N_("The mail server gets too many mails from this account. Relay waits."),
)
BAD_LOGIN = KnownError(
    PAUSE,
    "bad_login",
    N_("The mail server does not accept the user and password. Enter them again, then resume."),
)
BAD_SENDER = KnownError(
    PAUSE,
    "sender_refused",
    N_(
        "The mail server does not let this account send from the From address. Enter an address of the "
        "account in the settings, then resume."
    ),
)
BLOCKED_ACCOUNT = KnownError(
    PAUSE,
    "account_blocked",
    N_("The mail provider has blocked this account for sending. Ask the provider, then resume."),
)
NOT_AUTHENTICATED = KnownError(
    FIX,
    "sender_not_authenticated",
    N_(
        "The recipient's mail server cannot verify the sender's domain. Set up SPF and DKIM for it, as "
        "your mail provider describes, then resend."
    ),
)
BLOCKED = KnownError(
    FIX,
    "mail_blocked",
    N_(
        "The mail server does not accept this mail because of its rules. Its reply below has the reason."
    ),
)
ENCRYPTION_NEEDED = KnownError(
    PAUSE,
    "encryption_needed",
    N_("The mail server requires encryption. Choose it in the settings, then resume."),
)

ERRORS: dict[int, KnownError] = {
    421: KnownError(
        RETRY, "mail_away", N_("The mail server is temporarily unavailable. Relay retries.")
    ),
    432: KnownError(
        PAUSE,
        "password_change",
        N_(
            "The mail server requires a new password. Change it there, enter it in the settings and resume."
        ),
    ),
    450: KnownError(
        RETRY,
        "mailbox_busy",
        N_("The mailbox is busy, or the mail server delays unknown senders. Relay retries."),
    ),
    451: KnownError(RETRY, "mail_trouble", INTERNAL),
    452: KnownError(RETRY, "mailbox_full", N_("The mail server's storage is full. Relay retries.")),
    454: KnownError(
        RETRY,
        "login_trouble",
        N_("The mail server cannot check logins at the moment. Relay retries."),
    ),
    455: KnownError(RETRY, "mail_trouble", INTERNAL),
    521: KnownError(
        PAUSE,
        "no_mail_server",
        N_("This server does not accept mail. Check its name in the settings, then resume."),
    ),
    530: KnownError(
        PAUSE,
        "login_needed",
        N_("The mail server requires a login. Enter the user and password, then resume."),
    ),
    534: KnownError(
        PAUSE,
        "login_too_weak",
        N_("The mail server requires another login method. Ask its operator, then resume."),
    ),
    535: BAD_LOGIN,
    538: ENCRYPTION_NEEDED,
    541: KnownError(
        FIX,
        "taken_for_spam",
        N_("The mail server rejects the message as spam. Change its text or its sender."),
    ),
    550: KnownError(
        FIX,
        "no_mailbox",
        N_(
            "The mailbox does not exist or does not accept mail from this sender. Check both addresses."
        ),
    ),
    551: KnownError(
        FIX,
        "no_mailbox",
        N_("The mailbox is not on this mail server. Check the recipient's address."),
    ),
    552: MAILBOX_FULL,
    553: KnownError(FIX, "bad_address", ADDRESS),
    554: KnownError(
        FIX,
        "mail_refused",
        N_("The mail server rejects the message. Its reply below has the reason."),
    ),
    555: KnownError(FIX, "bad_address", ADDRESS),
    556: KnownError(
        FIX, "no_mailbox", N_("The recipient's domain does not accept mail. Check the address.")
    ),
}

# Of permanent replies (5.x.y), by x.y.
PERMANENT: dict[str, KnownError] = {
    "1.0": KnownError(FIX, "bad_address", ADDRESS),
    "1.1": NO_MAILBOX,
    "1.2": KnownError(
        FIX,
        "no_mailbox",
        N_("The domain of the recipient's address does not exist. Check the address."),
    ),
    "1.3": KnownError(FIX, "bad_address", ADDRESS),
    "1.6": KnownError(
        FIX, "no_mailbox", N_("The recipient's mailbox has moved. Ask for the new address.")
    ),
    "1.7": BAD_SENDER,
    "1.8": BAD_SENDER,
    "1.10": KnownError(
        FIX, "no_mailbox", N_("The recipient's domain does not accept mail. Check the address.")
    ),
    "1.90": SENDING_LIMIT,
    "2.0": KnownError(FIX, "mailbox_disabled", N_("The recipient's mailbox does not accept mail.")),
    "2.1": KnownError(FIX, "mailbox_disabled", N_("The recipient's mailbox is disabled.")),
    "2.2": MAILBOX_FULL,
    "2.3": TOO_LARGE,
    "2.252": BAD_SENDER,
    "3.1": KnownError(
        RETRY, "mail_trouble", N_("The mail server's storage is full. Relay retries.")
    ),
    "3.2": KnownError(RETRY, "mail_away", N_("The mail server is shutting down. Relay retries.")),
    "3.4": TOO_LARGE,
    "4.1": KnownError(
        RETRY, "mail_away", N_("The recipient's mail server does not answer. Relay retries.")
    ),
    "4.4": KnownError(
        FIX,
        "no_mailbox",
        N_("The domain of the recipient's address has no mail server. Check the address."),
    ),
    "4.5": SENDING_LIMIT,
    "4.6": KnownError(
        FIX,
        "mail_loop",
        N_("The mail would be forwarded in a circle. Check the recipient's forwarding."),
    ),
    "5.3": KnownError(
        FIX,
        "too_many_recipients",
        N_("The mail has too many recipients. Enter fewer in the settings."),
    ),
    "6.0": KnownError(
        FIX,
        "bad_mail",
        N_("The mail server does not accept the mail's format. Please report this."),
    ),
    "6.7": KnownError(FIX, "bad_address", ADDRESS),
    "7.0": BLOCKED,
    "7.1": BLOCKED,
    "7.3": KnownError(FIX, "mail_blocked", BLOCKED.sentence),
    "7.8": BAD_LOGIN,
    "7.9": KnownError(
        PAUSE,
        "app_password",
        N_(
            "The mail provider requires an app password or another login method. Create an app password "
            "there, enter it in the settings, then resume."
        ),
    ),
    "7.10": ENCRYPTION_NEEDED,
    "7.11": ENCRYPTION_NEEDED,
    "7.12": KnownError(
        PAUSE,
        "password_change",
        N_(
            "The mail server requires a new password. Change it there, enter it in the settings and resume."
        ),
    ),
    "7.13": KnownError(
        PAUSE, "account_disabled", N_("The mail account is disabled. Enable it there, then resume.")
    ),
    "7.14": KnownError(
        PAUSE,
        "web_login_needed",
        N_(
            "The mail provider asks for a sign-in in a web browser first. Sign in there, then resume."
        ),
    ),
    "7.20": NOT_AUTHENTICATED,
    "7.21": NOT_AUTHENTICATED,
    "7.22": NOT_AUTHENTICATED,
    "7.23": NOT_AUTHENTICATED,
    "7.24": NOT_AUTHENTICATED,
    "7.25": NOT_AUTHENTICATED,
    "7.26": NOT_AUTHENTICATED,
    "7.27": BAD_SENDER,
    "7.28": TOO_MANY,
    "7.57": KnownError(
        PAUSE,
        "login_needed",
        N_("The mail server requires a login. Enter the user and password, then resume."),
    ),
    "7.60": BAD_SENDER,
    "7.139": KnownError(
        PAUSE,
        "login_disabled",
        N_(
            "The mail provider has turned off logins with a password (SMTP AUTH). Turn it on for this "
            "mailbox there, then resume."
        ),
    ),
    "7.501": BLOCKED_ACCOUNT,
    "7.502": BLOCKED_ACCOUNT,
    "7.508": TOO_MANY,
    "7.705": BLOCKED_ACCOUNT,
}
# Of temporary replies (4.x.y), by x.y.  All others follow their three digits: they are retried.
TEMPORARY: dict[str, KnownError] = {
    "2.1": KnownError(
        RETRY, "mailbox_busy", N_("The recipient's mailbox gets too many mails. Relay retries.")
    ),
    "2.2": KnownError(RETRY, "mailbox_full", N_("The recipient's mailbox is full. Relay retries.")),
    "3.2": KnownError(RETRY, "mail_away", N_("The mail server is busy. Relay retries.")),
    "4.5": KnownError(RETRY, "mail_away", N_("The mail server is busy. Relay retries.")),
    "7.28": TOO_MANY,
}
ENHANCED = re.compile(r"(?<![\d.])([45])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
LOGIN_STATUSES = frozenset({432, 454, 530, 534, 535, 538})
LIMIT_WORDS = re.compile(
    r"(sending|daily|hourly|outgoing|relay|per (hour|day))\b.{0,60}\b(limit|quota|exceeded|max)"
    r"|(limit|quota|exceeded|max)\b.{0,60}\b(sending|daily|hourly|outgoing|per (hour|day))",
    re.IGNORECASE | re.DOTALL,
)
SIZE_WORDS = re.compile(r"\b(size|large|big|too much mail data)\b", re.IGNORECASE)
FULL_WORDS = re.compile(r"mailbox (?:is )?full|over quota|quota (?:is )?exceeded", re.IGNORECASE)

WRONG_LOGIN_METHOD = KnownError(
    PAUSE,
    smtp.LOGIN_METHOD,
    N_(
        "The mail server offers no login with a password that Relay supports. Ask its operator for one, or "
        "use another mail server, then resume."
    ),
)
NOT_OFFERED = KnownError(
    PAUSE,
    smtp.NOT_OFFERED,
    N_(
        "The mail server does not support what the settings require (STARTTLS, or a login). "
        "Choose another encryption or port in the settings, then resume."
    ),
)


def signal_of(reply: Reply) -> Signal:
    """The outcome of a reply.  A code that is not in the table follows SMTP: 4xx is retried, 5xx not."""
    if reply.error == smtp.NOT_OFFERED:
        return NOT_OFFERED.signal()
    if reply.error == smtp.LOGIN_METHOD:
        return WRONG_LOGIN_METHOD.signal()
    if reply.error == smtp.WRONG_ENCRYPTION:
        return Refused(smtp.WRONG_ENCRYPTION, reply.sentence, pause=True)
    if reply.error is not None or reply.status is None:
        return classify(reply)
    if 200 <= reply.status < 300:
        return Accepted()
    known = enhanced_error(reply) or ERRORS.get(reply.status)
    if known is None and reply.status >= 500:
        known = KnownError(
            FIX,
            f"smtp_{reply.status}",
            _("The mail server rejects the message with status %(status)s.", status=reply.status),
        )
    if known is None:
        known = KnownError(
            RETRY,
            f"smtp_{reply.status}",
            _(
                "The mail server rejects the message for now, with status %(status)s. Relay "
                "retries.",
                status=reply.status,
            ),
        )
    return known.signal(LIMIT_WAIT_S if known.action is WAIT else None)


def _names_limit(text: str) -> bool:
    """Whether the words are about a limit of sending, and not about a full mailbox."""
    return LIMIT_WORDS.search(text) is not None and "mailbox" not in text.lower()


def enhanced_error(reply: Reply) -> KnownError | None:
    """The error by the enhanced status code, else by words that servers without such codes use.

    A refused login is only explained by codes that are about logins.
    """
    status = reply.status or 0
    is_limit = status >= 500 and status not in LOGIN_STATUSES and _names_limit(reply.text)
    table = PERMANENT if status >= 500 else TEMPORARY
    for level, subject, detail in ENHANCED.findall(reply.text):
        if level != str(status)[0]:
            continue
        known = table.get(f"{int(subject)}.{int(detail)}")
        if known is BLOCKED and is_limit:  # 5.7.1 only says that a rule forbids it
            break
        if known is not None and (status not in LOGIN_STATUSES or known.action is PAUSE):
            return known
        break
    if is_limit:
        return SENDING_LIMIT
    if status in (550, 552) and FULL_WORDS.search(reply.text):
        return MAILBOX_FULL
    return TOO_LARGE if status == 552 and SIZE_WORDS.search(reply.text) else None
