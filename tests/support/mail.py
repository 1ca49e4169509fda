"""A local mail server: stores each mail, can require a login and can reject what a test chooses.

It refuses whatever the RFCs let a server refuse, with the enhanced status codes of RFC 3463:

- addresses outside the syntax of RFC 5321 (https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2)
- lines of more than 998 characters, and CR or LF alone (https://www.rfc-editor.org/rfc/rfc5322#section-2.3)
- non-ASCII headers and addresses without SMTPUTF8 (https://www.rfc-editor.org/rfc/rfc6531)
- mails larger than announced (https://www.rfc-editor.org/rfc/rfc1870)
- headers of RFC 5322 that are missing, doubled or broken, and several authors without a Sender
  (https://www.rfc-editor.org/rfc/rfc5322#section-3.6)
- commands before STARTTLS, and TLS where the port speaks plain text or the other way round
  (https://www.rfc-editor.org/rfc/rfc8314)
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from flask import Flask

from relay.connection_urls import MailAccount
from tests.support.network import free_port

USER, PASSWORD = "shop@example.com", "very-secret-mail-password"
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
MAILBOX = re.compile(rf"(?=[^@]{{1,64}}@){ATOM}(?:\.{ATOM})*@(?=.{{1,255}}\Z){LABEL}(?:\.{LABEL})*")
MESSAGE_ID = re.compile(rf"<{ATOM}(?:\.{ATOM})*@{LABEL}(?:\.{LABEL})*>")
MAX_LINE = 998
ONCE = ("From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Date", "Message-ID", "Subject")
REQUIRED = ("From", "To", "Date", "Message-ID", "Subject")


@dataclass
class MailServer:
    """``mails`` are what came; ``answer`` is its word to each mail, ``login_answer`` to a wrong login.

    ``mechanisms`` are the logins it offers, of PLAIN, LOGIN and XOAUTH2.  ``max_bytes`` is the SIZE
    that it announces, ``utf8`` whether it offers SMTPUTF8.
    """

    certificate: Path | None = None
    tls: str = "starttls"
    login: bool = True
    answer: str = "250 2.0.0 OK"
    refused: dict[str, str] = field(default_factory=dict)
    mails: list[Envelope] = field(default_factory=list)
    logins: int = 0
    password: str = PASSWORD
    login_answer: str = "535 5.7.8 Authentication credentials invalid"
    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN")
    max_bytes: int = 10_000_000
    utf8: bool = False

    def __post_init__(self) -> None:
        context = None
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
        secure = self.tls == "tls"
        self.port = free_port()
        excluded = {"PLAIN", "LOGIN", "XOAUTH2"} - set(self.mechanisms)
        self.controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            ssl_context=context if secure else None,
            tls_context=None if secure else context,
            require_starttls=bool(context) and not secure,
            authenticator=self._check if self.login else None,
            auth_required=self.login,
            auth_require_tls=bool(context) and not secure,
            auth_exclude_mechanism=excluded,
            data_size_limit=self.max_bytes,
            enable_SMTPUTF8=self.utf8,
        )
        self.controller.start()

    def _check(self, server: SMTP, session: Any, envelope: Any, how: str, data: Any) -> AuthResult:
        self.logins += 1
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (
            USER.encode(),
            self.password.encode(),
        )
        return AuthResult(success=good, handled=False, message=None if good else self.login_answer)

    async def auth_XOAUTH2(self, server: SMTP, arguments: list[str]) -> Any:
        """Needs a token that Relay does not have.

        Source: https://developers.google.com/workspace/gmail/imap/xoauth2-protocol
        """
        return AuthResult(success=False, handled=False, message=self.login_answer)

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        utf8 = "SMTPUTF8" in options
        if not is_mailbox(address, utf8):
            return "501 5.1.7 Bad sender address syntax"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Envelope, address: str, options: Any
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        if not is_mailbox(address, "SMTPUTF8" in envelope.mail_options):
            return "501 5.1.3 Bad recipient address syntax"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if not self.answer.startswith("2"):
            return self.answer
        content = envelope.original_content
        assert isinstance(content, bytes)
        if wrong := wrong_with(content, "SMTPUTF8" in envelope.mail_options):
            return wrong
        self.mails.append(envelope)
        return self.answer

    def letter(self, n: int = -1) -> EmailMessage:
        """One of the mails, as a mail program reads it."""
        content = self.mails[n].content
        assert isinstance(content, bytes)
        return message_from_bytes(content, policy=policy.default)  # type: ignore[return-value]

    def plain(self, n: int = -1) -> str:
        """The plain text of one of the mails."""
        return self._part(n, "plain")

    def html(self, n: int = -1) -> str:
        """The HTML text of one of the mails."""
        return self._part(n, "html")

    def _part(self, n: int, subtype: str) -> str:
        part = self.letter(n).get_body((subtype,))
        assert isinstance(part, EmailMessage), f"The mail has no {subtype} text."
        return str(part.get_content()).replace("\r\n", "\n")

    def close(self) -> None:
        self.controller.stop()


def is_mailbox(address: str, utf8: bool) -> bool:
    """Whether it is a dot-string and a domain.  Non-ASCII only with SMTPUTF8 (RFC 6531)."""
    plain = "".join(c if c.isascii() else "x" for c in address) if utf8 else address
    return MAILBOX.fullmatch(plain) is not None


def wrong_with(content: bytes, utf8: bool) -> str:
    """The reply to a mail that breaks a rule; empty if it breaks none."""
    if re.search(rb"\r(?!\n)|(?<!\r)\n", content):
        return "550 5.6.11 Bare CR or LF is not allowed"
    if any(len(line) > MAX_LINE for line in content.split(b"\r\n")):
        return "554 5.6.0 A line is longer than 998 characters"
    head = content.partition(b"\r\n\r\n")[0]
    if not utf8 and not head.isascii():
        return "550 5.6.9 Headers are not ASCII, and SMTPUTF8 was not asked for"
    mail = message_from_bytes(content, policy=policy.default)
    for name in ONCE:
        if len(mail.get_all(name, [])) > 1:
            return f"550 5.6.0 There are several {name} headers"
    for name in REQUIRED:
        if not str(mail.get(name, "")).strip():
            return f"550 5.6.0 There is no {name} header"
    for name in ("From", "To", "Reply-To", "Sender"):
        for address in getattr(mail.get(name), "addresses", ()):
            if not is_mailbox(address.addr_spec, utf8):
                return f"550 5.6.0 {name} has an invalid address"
        if getattr(mail.get(name), "defects", ()):
            return f"550 5.6.0 {name} is not valid"
    if len(mail["From"].addresses) != 1:
        return "550 5.6.0 There are several authors and no Sender"
    if not MESSAGE_ID.fullmatch(str(mail["Message-ID"]).strip()):
        return "550 5.6.0 Message-ID is not valid"
    broken = [part for part in mail.walk() if part.defects]
    if broken or not all(part.get("Content-Type") for part in mail.walk()):
        return "550 5.6.0 The parts of the mail are broken"
    return ""


def use_mail(app: Flask, server: MailServer | None) -> None:
    """Relay's own mails go to this server, without encryption; None: no mail server is set up."""
    account = None
    if server is not None:
        account = MailAccount("127.0.0.1", server.port, "none", "", "", "Relay <relay@example.com>")
    app.extensions["relay_config"] = replace(app.extensions["relay_config"], mail=account)
