"""What goes wrong on the way, each cause by a stable code and a sentence for a person."""

from __future__ import annotations

import ssl
from http.client import BadStatusLine, HTTPException, IncompleteRead, RemoteDisconnected

from relay.errors import RelayError

MAY_HAVE_TAKEN = "It may still have taken the message; Relay tries again with the same key."
# OpenSSL's X509_V_ERR_* numbers, from its x509_vfy.h.
CERTIFICATES = {
    9: ("tls_not_yet_valid", "is not valid yet"),
    10: ("tls_expired", "has expired"),
    18: ("tls_self_signed", "is self-signed, so nobody vouches for it"),
    19: ("tls_self_signed", "is self-signed, so nobody vouches for it"),
    20: ("tls_unknown_issuer", "comes from an unknown authority, or its chain is not complete"),
    21: ("tls_unknown_issuer", "comes from an unknown authority, or its chain is not complete"),
    62: ("tls_wrong_host", "is for another name"),
    64: ("tls_wrong_host", "is for another name"),
}


class CallFailed(RelayError):
    """No HTTP answer.  ``code`` as in Reply.error."""

    def __init__(self, code: str, sentence: str):
        self.code = code
        super().__init__(sentence)


def explain(exc: Exception, timeout_s: float) -> CallFailed:
    """What broke an exchange that had begun."""
    if isinstance(exc, CallFailed):
        return exc
    if isinstance(exc, TimeoutError):
        return CallFailed(
            "timeout", f"The destination did not answer within {timeout_s:.0f} s. {MAY_HAVE_TAKEN}"
        )
    # RemoteDisconnected is a BadStatusLine too, but it means: no answer at all.
    broken = isinstance(exc, OSError | IncompleteRead | RemoteDisconnected)
    if not broken and isinstance(exc, HTTPException | BadStatusLine | ValueError):
        return CallFailed(
            "bad_answer",
            "The destination answered with something that is not proper HTTP, or with far too many "
            "headers. That is on the destination's side; Relay tries again.",
        )
    return CallFailed(
        "connection_lost",
        f"The connection broke before the destination had answered in full. {MAY_HAVE_TAKEN}",
    )


def no_name(host: str) -> CallFailed:
    return CallFailed(
        "dns_failed",
        f"The name {host} could not be looked up. Check the address for a typing mistake; "
        "if it is right, the name service has trouble and Relay tries again.",
    )


def no_connection(exc: OSError, where: str, limit_s: float) -> CallFailed:
    """Why ``host:port`` did not take the connection; nothing was sent."""
    if isinstance(exc, ssl.SSLError):
        return no_tls(exc)
    if isinstance(exc, TimeoutError):
        return CallFailed(
            "connect_timeout",
            f"{where} did not take the connection within {limit_s:.0f} s. "
            "The destination's server is down or unreachable; Relay tries again.",
        )
    if isinstance(exc, ConnectionRefusedError):
        return CallFailed(
            "connection_refused",
            f"{where} refused the connection: nothing listens there now. "
            "That is on the destination's side; Relay tries again.",
        )
    return CallFailed(
        "unreachable", f"{where} cannot be reached ({exc.strerror or exc}). Relay tries again."
    )


def no_tls(exc: ssl.SSLError) -> CallFailed:
    """Each cause of a failed handshake by its name; nothing was sent."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        code, what = CERTIFICATES.get(exc.verify_code, ("tls_failed", "cannot be verified"))
        return CallFailed(
            code,
            f"The destination's certificate {what}, so nothing was sent. "
            "Whoever runs the destination has to put that right; Relay tries again.",
        )
    return CallFailed(
        "tls_failed",
        "A secure connection (TLS 1.2 or newer) could not be agreed on, so nothing was sent. "
        "That is on the destination's side; Relay tries again.",
    )
