"""A local mail server: stores each mail, can require a login and can reject what a test chooses."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from tests.support.network import free_port

USER, PASSWORD = "shop@example.com", "very-secret-mail-password"


@dataclass
class MailServer:
    """``mails`` are what came; ``answer`` is its word to each mail, ``login_answer`` to a wrong login."""

    certificate: Path | None = None
    tls: str = "starttls"
    login: bool = True
    answer: str = "250 OK"
    refused: dict[str, str] = field(default_factory=dict)
    mails: list[Envelope] = field(default_factory=list)
    logins: int = 0

    def __post_init__(self) -> None:
        context = None
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
        secure = self.tls == "tls"
        self.port = free_port()
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
        )
        self.controller.start()

    def _check(self, server: SMTP, session: Any, envelope: Any, how: str, data: Any) -> AuthResult:
        self.logins += 1
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (
            USER.encode(),
            PASSWORD.encode(),
        )
        return AuthResult(success=good, handled=False)

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Envelope, address: str, options: Any
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if self.answer.startswith("2"):
            self.mails.append(envelope)
        return self.answer

    def letter(self, n: int = -1) -> EmailMessage:
        """One of the mails, as a mail program reads it."""
        content = self.mails[n].content
        assert isinstance(content, bytes)
        return message_from_bytes(content, policy=policy.default)  # type: ignore[return-value]

    def close(self) -> None:
        self.controller.stop()
