"""Sends mail over SMTP with the rules of the HTTP client: allowed addresses, one deadline, size limits.

``smtplib`` implements the protocol; Relay makes the connection.  Source: RFC 5321, RFC 3207, RFC 8314.
"""

from __future__ import annotations

import io
import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from typing import Any

from relay.errors import Undeliverable
from relay.transport import addresses
from relay.transport.client import Transport
from relay.transport.connection import BoundedSocket, Deadline
from relay.transport.dialer import Dialer
from relay.transport.errors import CallFailed, explain, tls_error
from relay.transport.request import OutboundRequest, Reply

STARTTLS, TLS, PLAIN = "starttls", "tls", "none"
NOT_OFFERED = "not_offered"
PORTS = frozenset({25, 465, 587})


@dataclass(frozen=True)
class MailRequest(OutboundRequest):
    """A mail, ready to send.  ``body`` is the whole message; with an empty ``user``, no login is sent."""

    host: str = ""
    port: int = 587
    security: str = STARTTLS
    user: str = ""
    password: str = field(default="", repr=False)
    sender: str = ""
    recipients: tuple[str, ...] = ()


class GuardedSMTP(smtplib.SMTP):
    """An SMTP session over a connection of the dialer, with one deadline for the whole session."""

    def __init__(self, request: MailRequest, dialer: Dialer, deadline: Deadline):
        self.dialer, self.deadline = dialer, deadline
        self.origin = addresses.Origin(
            request.security != PLAIN, addresses.ascii_host(request.host), request.port
        )
        self.implicit_tls = request.security == TLS
        domain = request.sender.rpartition("@")[2].strip(">") or "localhost"
        super().__init__(request.host, request.port, domain, request.timeout_s)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        if self.implicit_tls:
            return self.dialer.dial(self.origin, self.deadline.until, self.dialer.tls_context())
        return self.dialer.connect(self.origin, self.deadline.until)

    def send(self, s: Any) -> None:
        if self.sock:
            self.sock.settimeout(self.deadline.left_s())
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock:
            self.file = io.BufferedReader(BoundedSocket(self.sock, self.deadline))
        return super().getreply()


def send(request: MailRequest, transport: Transport) -> Reply:
    """Send one mail.  -> the server's last reply, as status and text

    A failure is not raised but returned in ``Reply.error``.
    """
    deadline = Deadline(request.timeout_s)
    try:
        check(request, transport.allowed)
        status, text = exchange(request, transport.dialer, deadline)
        return Reply(status, (), text, deadline.elapsed_ms())
    except Undeliverable as exc:
        return Reply(
            error=exc.code, sentence=str(exc), permanent=True, elapsed_ms=deadline.elapsed_ms()
        )
    except smtplib.SMTPNotSupportedError:
        return Reply(error=NOT_OFFERED, permanent=True, elapsed_ms=deadline.elapsed_ms())
    except smtplib.SMTPResponseException as exc:
        text = exc.smtp_error if isinstance(exc.smtp_error, bytes) else str(exc.smtp_error).encode()
        return Reply(exc.smtp_code, (), text[: request.max_reply_bytes], deadline.elapsed_ms())
    except smtplib.SMTPRecipientsRefused as exc:
        status, text = rejection_of(exc.recipients)
        return Reply(status, (), text[: request.max_reply_bytes], deadline.elapsed_ms())
    except (CallFailed, OSError, ValueError, smtplib.SMTPException) as exc:
        failed = explain_smtp(exc, deadline)
        return Reply(error=failed.code, sentence=str(failed), elapsed_ms=deadline.elapsed_ms())


def check(request: MailRequest, allowed: tuple[addresses.Network, ...]) -> None:
    """Raises Undeliverable if the host, the port or the encryption is not allowed."""
    if request.port not in PORTS and (
        request.port < 1024 or request.port in addresses.SERVICE_PORTS
    ):
        raise addresses.blocked(
            f"Port {request.port} is used by other kinds of services. Use port 587 or 465 for mail."
        )
    addresses.check_host(request.host, allowed)
    if request.security == PLAIN and not allowed:
        raise addresses.blocked(
            "Relay sends mail without encryption only to networks that the operator allows. "
            "Choose an encryption in the settings."
        )


def exchange(request: MailRequest, dialer: Dialer, deadline: Deadline) -> tuple[int, bytes]:
    """Run the whole session.  Raises what ``smtplib`` raises, and Undeliverable."""
    session = GuardedSMTP(request, dialer, deadline)
    try:
        session.ehlo_or_helo_if_needed()
        if request.security == STARTTLS:
            session.starttls(context=dialer.tls_context())
            session.ehlo_or_helo_if_needed()
        if request.user:
            session.login(request.user, request.password)
        rejected = session.sendmail(request.sender, request.recipients, request.body)
    finally:
        session.close()
    if rejected:  # the other recipients got the mail: a retry would send them a duplicate
        raise Undeliverable(
            "some_refused",
            f"The mail server accepted the mail, but not for {', '.join(sorted(rejected))}. Check "
            "these addresses. A replay would send the mail to the other recipients again.",
        )
    return 250, b"OK"


def rejection_of(rejected: dict[str, tuple[int, bytes]]) -> tuple[int, bytes]:
    """One reply for several rejected recipients: the highest status, and a line for each recipient."""
    status = max(code for code, _ in rejected.values())
    lines = [
        f"{recipient}: {code} ".encode() + text for recipient, (code, text) in rejected.items()
    ]
    return status, b"\n".join(lines)


def explain_smtp(exc: Exception, deadline: Deadline) -> CallFailed:
    """The error of a session in which the server sent no reply."""
    timeout_s = deadline.until - deadline.started_at
    if isinstance(exc, ssl.SSLError):
        return tls_error(exc)
    if isinstance(exc, smtplib.SMTPServerDisconnected):
        try:
            deadline.left_s()
        except TimeoutError as late:
            return explain(late, timeout_s)
        return explain(ConnectionError(str(exc)), timeout_s)
    return explain(exc, timeout_s)
