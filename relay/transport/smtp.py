"""Sends mail over SMTP with the rules of the HTTP client: allowed addresses, one deadline, size limits.

``smtplib`` implements the protocol; Relay makes the connection.  Source: RFC 5321, RFC 3207, RFC 8314.
"""

from __future__ import annotations

import io
import re
import select
import smtplib
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Any

from relay.errors import Undeliverable
from relay.i18n import N_, _
from relay.transport import addresses
from relay.transport.client import Transport, ms_since
from relay.transport.connection import BoundedSocket, Deadline
from relay.transport.dialer import Dialer
from relay.transport.errors import CallFailed, explain, tls_error
from relay.transport.request import OutboundRequest, Reply

STARTTLS, TLS, PLAIN = "starttls", "tls", "none"
NOT_OFFERED, LOGIN_METHOD, WRONG_ENCRYPTION = "not_offered", "login_method", "wrong_encryption"
LOGIN_METHODS = frozenset({"CRAM-MD5", "PLAIN", "LOGIN"})  # those of ``smtplib``
GREETING_S = 10.0  # without a greeting for this long, the server may expect TLS from the start
PROBE_S = 5.0
# OpenSSL's reasons when the other side speaks plain text.
PLAIN_TEXT = re.compile(
    r"WRONG_VERSION_NUMBER|PACKET_LENGTH|RECORD_LAYER|UNKNOWN_PROTOCOL|HTTP_REQUEST"
)
PORTS = frozenset({25, 465, 587})


NO_TLS = N_(
    "Port %(port)s of %(host)s does not start with TLS. Choose STARTTLS under Encryption in the settings, or "
    "another port, then resume."
)
WANTS_TLS = N_(
    "Port %(port)s of %(host)s expects TLS from the start. Choose that encryption under Encryption in the "
    "settings, or another port, then resume."
)


class NoLoginMethod(Exception):
    """The server offers no login method that is supported."""


@dataclass(frozen=True)
class MailRequest(OutboundRequest):
    """A mail, ready to send.  ``body`` is the whole message; with an empty ``user``, no login is sent.

    Without ``recipients``, the session ends after the login.
    """

    host: str = ""
    port: int = 587
    security: str = STARTTLS
    user: str = ""
    password: str = field(default="", repr=False)
    sender: str = ""
    recipients: tuple[str, ...] = ()


class Utf8Text(str):
    """A text that is encoded as UTF-8 where ``smtplib`` asks for ASCII.

    Logins are UTF-8.  Source: RFC 4616 section 2, RFC 4954 section 4.
    """

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return super().encode("utf-8", errors)


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
        if not self.implicit_tls:
            sock = self.dialer.connect(self.origin, self.deadline.until)
            self._await_greeting(sock, timeout)
            return sock
        try:
            return self.dialer.dial(self.origin, self.deadline.until, self.dialer.tls_context())
        except CallFailed as exc:
            cause = exc.__cause__
            if isinstance(cause, ssl.SSLError) and PLAIN_TEXT.search(str(cause)):
                raise self._wrong_encryption(NO_TLS) from exc
            raise

    def _await_greeting(self, sock: socket.socket, timeout_s: float) -> None:
        """Wait for the first byte.  Raises Undeliverable if the server waits for TLS instead.

        A server that expects TLS from the start says nothing, and so does a client that expects a
        greeting: both would wait until the deadline.
        """
        if select.select([sock], [], [], min(GREETING_S, timeout_s / 3))[0]:
            return
        try:
            if not self._speaks_tls():
                return
        except BaseException:
            sock.close()
            raise
        sock.close()
        raise self._wrong_encryption(WANTS_TLS)

    def _speaks_tls(self) -> bool:
        origin = addresses.Origin(True, self.origin.host, self.origin.port)
        until = min(self.deadline.until, time.monotonic() + PROBE_S)
        try:
            self.dialer.dial(origin, until, self.dialer.tls_context()).close()
        except CallFailed as exc:
            return isinstance(exc.__cause__, ssl.SSLCertVerificationError)
        return True

    def _wrong_encryption(self, what: str) -> Undeliverable:
        return Undeliverable(
            WRONG_ENCRYPTION, _(what, port=self.origin.port, host=self.origin.name)
        )

    def login_with(self, user: str, password: str) -> None:
        """Log in, in UTF-8.  Raises NoLoginMethod, and what ``smtplib`` raises."""
        offered = set(self.esmtp_features.get("auth", "").upper().split())
        if offered and not offered & LOGIN_METHODS:
            raise NoLoginMethod
        self.login(Utf8Text(user), Utf8Text(password))

    def auth(self, mechanism: str, authobject: Any, *, initial_response_ok: bool = True) -> Any:
        def in_utf8(challenge: bytes | None = None) -> str | None:
            said = authobject() if challenge is None else authobject(challenge)
            return None if said is None else Utf8Text(said)

        return super().auth(mechanism, in_utf8, initial_response_ok=initial_response_ok)  # type: ignore[arg-type]

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
        return Reply(status, (), text, ms_since(deadline.started_at))
    except Undeliverable as exc:
        return Reply(
            error=exc.code,
            sentence=str(exc),
            permanent=True,
            elapsed_ms=ms_since(deadline.started_at),
        )
    except NoLoginMethod:
        return Reply(error=LOGIN_METHOD, permanent=True, elapsed_ms=ms_since(deadline.started_at))
    except smtplib.SMTPNotSupportedError:
        return Reply(error=NOT_OFFERED, permanent=True, elapsed_ms=ms_since(deadline.started_at))
    except smtplib.SMTPResponseException as exc:
        text = exc.smtp_error if isinstance(exc.smtp_error, bytes) else str(exc.smtp_error).encode()
        return Reply(
            exc.smtp_code, (), text[: request.max_reply_bytes], ms_since(deadline.started_at)
        )
    except smtplib.SMTPRecipientsRefused as exc:
        status, text = rejection_of(exc.recipients)
        return Reply(status, (), text[: request.max_reply_bytes], ms_since(deadline.started_at))
    except (CallFailed, OSError, ValueError, smtplib.SMTPException) as exc:
        failed = explain_smtp(exc, deadline)
        return Reply(
            error=failed.code, sentence=str(failed), elapsed_ms=ms_since(deadline.started_at)
        )


def check(request: MailRequest, allowed: tuple[addresses.Network, ...]) -> None:
    """Raises Undeliverable if the host, the port or the encryption is not allowed."""
    if request.port not in PORTS and (
        request.port < 1024 or request.port in addresses.SERVICE_PORTS
    ):
        raise addresses.blocked(
            _(
                "Port %(port)s is used by other kinds of services. Use port 587 or 465 for mail.",
                port=request.port,
            )
        )
    addresses.check_host(request.host, allowed)
    if request.security == PLAIN and not allowed:
        raise addresses.blocked(
            _(
                "Relay sends mail without encryption only to networks that the operator allows. "
                "Choose an encryption in the settings."
            )
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
            session.login_with(request.user, request.password)
        if not request.recipients:
            return 250, b"OK"
        rejected = session.sendmail(request.sender, request.recipients, request.body)
    finally:
        session.close()
    if rejected:  # the other recipients got the mail: a retry would send them a duplicate
        raise Undeliverable(
            "some_refused",
            _(
                "The mail server accepted the mail, but not for %(addresses)s. Check these "
                "addresses. A replay would send the mail to the other recipients again.",
                addresses=", ".join(sorted(rejected)),
            ),
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
    if isinstance(exc, ValueError | smtplib.SMTPException):
        return CallFailed(
            "bad_answer",
            _(
                "The mail server's reply is not valid SMTP. The problem is on the mail server's side; Relay "
                "retries."
            ),
        )
    return explain(exc, timeout_s)
