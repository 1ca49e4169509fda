"""Mail over SMTP by the same guarded way: checked addresses, one deadline, answers cut.

The standard library's ``smtplib`` speaks; the connection is ours.  Source: RFC 5321, RFC 3207, RFC 8314.
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
from relay.transport.errors import CallFailed, explain, no_tls
from relay.transport.request import OutboundRequest, Reply

STARTTLS, TLS, PLAIN = "starttls", "tls", "none"
NOT_OFFERED = "not_offered"
PORTS = frozenset({25, 465, 587})


@dataclass(frozen=True)
class MailRequest(OutboundRequest):
    """A mail, ready to send: its body is the whole message.  ``user`` is empty where no login is wanted."""

    host: str = ""
    port: int = 587
    security: str = STARTTLS
    user: str = ""
    password: str = field(default="", repr=False)
    sender: str = ""
    recipients: tuple[str, ...] = ()


class GuardedSMTP(smtplib.SMTP):
    """A session over a checked connection, each step within the deadline of the whole."""

    def __init__(self, request: MailRequest, dialer: Dialer, deadline: Deadline):
        self.dialer, self.deadline = dialer, deadline
        self.origin = addresses.Origin(
            request.security != PLAIN, addresses.ascii_host(request.host), request.port
        )
        self.at_once = request.security == TLS
        domain = request.sender.rpartition("@")[2].strip(">") or "localhost"
        super().__init__(request.host, request.port, domain, request.timeout_s)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        if self.at_once:
            return self.dialer.dial(self.origin, self.deadline.until, self.dialer.context())
        return self.dialer.reach(self.origin, self.deadline.until)

    def send(self, s: Any) -> None:
        if self.sock:
            self.sock.settimeout(self.deadline.left_s())
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock:
            self.file = io.BufferedReader(BoundedSocket(self.sock, self.deadline))
        return super().getreply()


def send(request: MailRequest, transport: Transport) -> Reply:
    """Send one mail.  -> the server's last word as status and text.  Never raises for trouble on the way."""
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
        return Reply(exc.smtp_code, (), text[: request.most_bytes], deadline.elapsed_ms())
    except smtplib.SMTPRecipientsRefused as exc:
        status, text = worst(exc.recipients)
        return Reply(status, (), text[: request.most_bytes], deadline.elapsed_ms())
    except (CallFailed, OSError, ValueError, smtplib.SMTPException) as exc:
        failed = trouble(exc, deadline)
        return Reply(error=failed.code, sentence=str(failed), elapsed_ms=deadline.elapsed_ms())


def check(request: MailRequest, allowed: tuple[addresses.Network, ...]) -> None:
    """Raises Undeliverable for places that no mail goes to."""
    if request.port not in PORTS and (
        request.port < 1024 or request.port in addresses.SERVICE_PORTS
    ):
        raise addresses.blocked(
            f"Port {request.port} belongs to another kind of service. Mail goes to 587 or 465."
        )
    addresses.check_host(request.host, allowed)
    if request.security == PLAIN and not allowed:
        raise addresses.blocked(
            "Mail without encryption goes only to networks that the operator opened, so that nobody "
            "can listen in. Choose an encryption in the settings."
        )


def exchange(request: MailRequest, dialer: Dialer, deadline: Deadline) -> tuple[int, bytes]:
    """The whole session.  Raises what ``smtplib`` raises."""
    session = GuardedSMTP(request, dialer, deadline)
    try:
        session.ehlo_or_helo_if_needed()
        if request.security == STARTTLS:
            session.starttls(context=dialer.context())
            session.ehlo_or_helo_if_needed()
        if request.user:
            session.login(request.user, request.password)
        refused = session.sendmail(request.sender, request.recipients, request.body)
    finally:
        session.close()
    if refused:  # the others have it: sending again would double theirs
        raise Undeliverable(
            "some_refused",
            f"The mail server took the mail, but not for {', '.join(sorted(refused))}. Check the "
            "addresses; sending again would reach the others twice.",
        )
    return 250, b"OK"


def worst(refused: dict[str, tuple[int, bytes]]) -> tuple[int, bytes]:
    """The most final of several refusals, with who was refused."""
    status = max(code for code, _ in refused.values())
    lines = [f"{who}: {code} ".encode() + text for who, (code, text) in refused.items()]
    return status, b"\n".join(lines)


def trouble(exc: Exception, deadline: Deadline) -> CallFailed:
    """Why there was no word from the server."""
    whole_s = deadline.until - deadline.began
    if isinstance(exc, ssl.SSLError):
        return no_tls(exc)
    if isinstance(exc, smtplib.SMTPServerDisconnected):
        try:
            deadline.left_s()
        except TimeoutError as late:
            return explain(late, whole_s)
        return explain(ConnectionError(str(exc)), whole_s)
    return explain(exc, whole_s)
