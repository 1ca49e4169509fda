"""The errors of outbound calls, each with a stable code and a sentence for a person."""

from __future__ import annotations

import ssl
from http.client import BadStatusLine, HTTPException, IncompleteRead, RemoteDisconnected

from relay.errors import RelayError

MAY_HAVE_TAKEN = "It may have accepted the message; Relay retries with the same idempotency key."
# OpenSSL's X509_V_ERR_* numbers, from its x509_vfy.h.
CERTIFICATES = {
    9: ("tls_not_yet_valid", "is not valid yet"),
    10: ("tls_expired", "has expired"),
    18: ("tls_self_signed", "is self-signed and not trusted"),
    19: ("tls_self_signed", "is self-signed and not trusted"),
    20: ("tls_unknown_issuer", "was issued by an unknown authority, or its chain is incomplete"),
    21: ("tls_unknown_issuer", "was issued by an unknown authority, or its chain is incomplete"),
    62: ("tls_wrong_host", "is for a different host name"),
    64: ("tls_wrong_host", "is for a different host name"),
}


class CallFailed(RelayError):
    """A call got no response.  ``code`` is that of ``Reply.error``."""

    def __init__(self, code: str, sentence: str):
        self.code = code
        super().__init__(sentence)


def explain(exc: Exception, timeout_s: float) -> CallFailed:
    """The error of a call that failed after the connection was made."""
    if isinstance(exc, CallFailed):
        return exc
    if isinstance(exc, TimeoutError):
        return CallFailed(
            "timeout", f"The destination did not answer within {timeout_s:.0f} s. {MAY_HAVE_TAKEN}"
        )
    # RemoteDisconnected is also a BadStatusLine, but it means that there was no response.
    broken = isinstance(exc, OSError | IncompleteRead | RemoteDisconnected)
    if not broken and isinstance(exc, HTTPException | BadStatusLine | ValueError):
        return CallFailed(
            "bad_answer",
            "The destination's response is not valid HTTP, or has too many headers. "
            "The problem is on the destination's side; Relay retries.",
        )
    return CallFailed(
        "connection_lost",
        f"The connection was lost before the response was complete. {MAY_HAVE_TAKEN}",
    )


def dns_error(host: str) -> CallFailed:
    return CallFailed(
        "dns_failed",
        f"The host name {host} could not be resolved. Check its spelling in the settings. "
        "If it is correct, the problem is in DNS; Relay retries.",
    )


def connection_error(exc: OSError, where: str, limit_s: float) -> CallFailed:
    """The error of a connection to ``host:port`` that could not be made; nothing was sent."""
    if isinstance(exc, ssl.SSLError):
        return tls_error(exc)
    if isinstance(exc, TimeoutError):
        return CallFailed(
            "connect_timeout",
            f"{where} did not accept a connection within {limit_s:.0f} s. "
            "The destination's server is down or unreachable; Relay retries.",
        )
    if isinstance(exc, ConnectionRefusedError):
        return CallFailed(
            "connection_refused",
            f"{where} refused the connection: no server is running there. "
            "The problem is on the destination's side; Relay retries.",
        )
    return CallFailed(
        "unreachable", f"{where} cannot be reached ({exc.strerror or exc}). Relay retries."
    )


def tls_error(exc: ssl.SSLError) -> CallFailed:
    """The error of a failed TLS handshake; nothing was sent."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        code, what = CERTIFICATES.get(exc.verify_code, ("tls_failed", "cannot be verified"))
        return CallFailed(
            code,
            f"The destination's certificate {what}, so nothing was sent. "
            "The destination's operator must fix this; Relay retries.",
        )
    return CallFailed(
        "tls_failed",
        "A secure connection (TLS 1.2 or newer) could not be established, so nothing was sent. "
        "The problem is on the destination's side; Relay retries.",
    )
