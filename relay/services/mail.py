"""Mails of Relay itself, about accounts.  They use the mail server of RELAY_MAIL_URL.

Mails of destinations and alert channels have their own settings (``relay.destinations.kinds.email``).
"""

from __future__ import annotations

import queue
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING

from flask import Flask, current_app

from relay.connection_urls import MailAccount
from relay.errors import Unavailable
from relay.i18n import _
from relay.observability.logging import log
from relay.rules.lifecycle import Accepted

if TYPE_CHECKING:
    from relay.transport import smtp

TIMEOUT_S = 15.0
MOST_WAITING = 200
# The sentences about replies are written for destinations, which have a form and are resumed.  They are
# English, as they are stored with an attempt (i18n: keep).
IN_OTHER_WORDS = (
    (" in the settings, then resume", " in RELAY_MAIL_URL"),
    (" in the settings and resume", " in RELAY_MAIL_URL"),
    ("under Encryption in the settings", "in RELAY_MAIL_URL"),
    (" in the settings", " in RELAY_MAIL_URL"),
    ("Enter them again", "Correct RELAY_MAIL_URL"),  # i18n: keep
    (", then resume", ""),
    (", then resend", ""),
    ("; Relay retries.", "."),
    (" Relay retries.", ""),
)


@dataclass(frozen=True)
class TextMail:
    """A plain text for one person."""

    to: str
    subject: str
    text: str


def is_set_up() -> bool:
    """Whether the operator named a mail server."""
    return _account() is not None


def _account() -> MailAccount | None:
    found: MailAccount | None = current_app.extensions["relay_config"].mail
    return found


def send(mail: TextMail) -> str:
    """Send it now, in at most 15 seconds.  -> a sentence with the reason if it failed, else empty

    Must run outside a transaction.  Raises Unavailable if no mail server is set up.
    """
    account = _account()
    if account is None:
        raise Unavailable(_("No mail server is set up. Set RELAY_MAIL_URL and RELAY_MAIL_FROM."))
    # here: few commands send mail
    from relay.delivery.shared_transport import shared_transport
    from relay.destinations.kinds.email.errors import signal_of
    from relay.destinations.redaction import mask_text
    from relay.transport import smtp

    try:
        request = _request(account, mail)
    except ValueError as exc:
        return str(exc)
    reply = smtp.send(request, shared_transport(current_app._get_current_object()))  # type: ignore[attr-defined]
    signal = signal_of(reply)
    if isinstance(signal, Accepted):
        return ""
    words = " ".join(reply.text[:300].split()).rstrip(".") if reply.status else ""
    said = f" The mail server replied: {words}." if words else ""
    sentence = in_other_words(str(getattr(signal, "sentence", "")) + said)
    sentence = mask_text(sentence, [account.password] if account.password else [])
    log("mail.failed", level="warning", subject=mail.subject, reason=sentence)
    return sentence


def _request(account: MailAccount, mail: TextMail) -> smtp.MailRequest:
    """Raises ValueError for an address that mail servers do not accept."""
    from relay.destinations.kinds.email.addresses import parse_address
    from relay.transport import smtp

    sender, recipient = parse_address(account.sender), parse_address(mail.to)
    message = EmailMessage()
    message["From"], message["To"] = sender, recipient
    message["Subject"] = " ".join(mail.subject.split())
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{uuid.uuid4().hex}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text, cte="quoted-printable")
    return smtp.MailRequest(
        "MAIL",
        f"smtp://{account.host}:{account.port}",
        tuple((name, str(value)) for name, value in message.items()),
        message.as_bytes(policy=policy.SMTP),
        timeout_s=TIMEOUT_S,
        secrets=(account.password,) if account.password else (),
        host=account.host,
        port=account.port,
        security=account.security,
        user=account.user,
        password=account.password,
        sender=sender.addr_spec,
        recipients=(recipient.addr_spec,),
    )


def in_other_words(sentence: str) -> str:
    """A sentence about a destination's reply, for the operator's mail server."""
    for old, new in IN_OTHER_WORDS:
        sentence = sentence.replace(old, new)
    return sentence


class Outbox:
    """Work that the request does not wait for, done one after another in a thread of this process.

    What waits when the process ends is lost: the person asks again.
    """

    def __init__(self, app: Flask):
        self.app = app
        self.waiting: queue.Queue[Callable[[], object]] = queue.Queue(MOST_WAITING)
        self.starting = threading.Lock()
        self.thread: threading.Thread | None = None

    def add(self, job: Callable[[], object]) -> bool:
        """Do it soon, in an application context of its own.  -> False if too much waits already"""
        try:
            self.waiting.put_nowait(job)
        except queue.Full:
            log("mail.dropped", level="error", waiting=MOST_WAITING)
            return False
        with self.starting:
            if self.thread is None:
                self.thread = threading.Thread(target=self._run, name="outbox", daemon=True)
                self.thread.start()
        return True

    def join(self) -> None:
        """Wait until everything is done: for a command that ends afterwards."""
        self.waiting.join()

    def _run(self) -> None:
        while True:
            job = self.waiting.get()
            try:
                with self.app.app_context():
                    job()
            except Exception as exc:  # the next mail is for someone else
                log("mail.failed", level="warning", subject="", reason=type(exc).__name__)
            finally:
                self.waiting.task_done()


def outbox() -> Outbox:
    """The outbox of this process."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    found: Outbox = app.extensions.setdefault("relay_outbox", Outbox(app))
    return found


def send_later(mail: TextMail) -> None:
    """Send it soon.  Does nothing if no mail server is set up."""
    if is_set_up():
        outbox().add(lambda: send(mail))
