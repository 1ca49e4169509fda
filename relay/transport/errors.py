"""The errors of outbound calls, each with a stable code and a sentence for a person."""

from __future__ import annotations

import ssl
from http.client import BadStatusLine, HTTPException, IncompleteRead, RemoteDisconnected

from relay.errors import RelayError
from relay.i18n import N_, _

MAY_HAVE_TAKEN = N_(
    "It may have accepted the message; Relay retries with the same idempotency key."
)
SELF_SIGNED = N_(
    "The destination's certificate is self-signed and not trusted, so nothing was sent. The destination's "
    "operator must fix this; Relay retries."
)
UNKNOWN_ISSUER = N_(
    "The destination's certificate was issued by an unknown authority, or its chain is incomplete, so "
    "nothing was sent. The destination's operator must fix this; Relay retries."
)
WRONG_HOST = N_(
    "The destination's certificate is for a different host name, so nothing was sent. The destination's "
    "operator must fix this; Relay retries."
)
NOT_YET_VALID = N_(
    "The destination's certificate is not valid yet, so nothing was sent. The destination's operator must "
    "fix this; Relay retries."
)
EXPIRED = N_(
    "The destination's certificate has expired, so nothing was sent. The destination's operator must fix "
    "this; Relay retries."
)
NOT_VERIFIED = N_(
    "The destination's certificate cannot be verified, so nothing was sent. The destination's operator must "
    "fix this; Relay retries."
)
# OpenSSL's X509_V_ERR_* numbers, from its x509_vfy.h.
CERTIFICATES = {
    9: ("tls_not_yet_valid", NOT_YET_VALID),
    10: ("tls_expired", EXPIRED),
    18: ("tls_self_signed", SELF_SIGNED),
    19: ("tls_self_signed", SELF_SIGNED),
    20: ("tls_unknown_issuer", UNKNOWN_ISSUER),
    21: ("tls_unknown_issuer", UNKNOWN_ISSUER),
    62: ("tls_wrong_host", WRONG_HOST),
    64: ("tls_wrong_host", WRONG_HOST),
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
            "timeout",
            " ".join(
                (
                    _(
                        "The destination did not answer within %(seconds)s s.",
                        seconds=f"{timeout_s:.0f}",
                    ),
                    _(MAY_HAVE_TAKEN),
                )
            ),
        )
    # RemoteDisconnected is also a BadStatusLine, but it means that there was no response.
    broken = isinstance(exc, OSError | IncompleteRead | RemoteDisconnected)
    if not broken and isinstance(exc, HTTPException | BadStatusLine | ValueError):
        return CallFailed(
            "bad_answer",
            _(
                "The destination's response is not valid HTTP, or has too many headers. "
                "The problem is on the destination's side; Relay retries."
            ),
        )
    return CallFailed(
        "connection_lost",
        " ".join(
            (_("The connection was lost before the response was complete."), _(MAY_HAVE_TAKEN))
        ),
    )


def dns_error(host: str) -> CallFailed:
    return CallFailed(
        "dns_failed",
        _(
            "The host name %(host)s could not be resolved. Check its spelling in the "
            "settings. If it is correct, the problem is in DNS; Relay retries.",
            host=host,
        ),
    )


def connection_error(exc: OSError, where: str, limit_s: float) -> CallFailed:
    """The error of a connection to ``host:port`` that could not be made; nothing was sent."""
    if isinstance(exc, ssl.SSLError):
        return tls_error(exc)
    if isinstance(exc, TimeoutError):
        return CallFailed(
            "connect_timeout",
            _(
                "%(where)s did not accept a connection within %(seconds)s s. The "
                "destination's server is down or unreachable; Relay retries.",
                where=where,
                seconds=f"{limit_s:.0f}",
            ),
        )
    if isinstance(exc, ConnectionRefusedError):
        return CallFailed(
            "connection_refused",
            _(
                "%(where)s refused the connection: no server is running there. The problem "
                "is on the destination's side; Relay retries.",
                where=where,
            ),
        )
    return CallFailed(
        "unreachable",
        _(
            "%(where)s cannot be reached (%(error)s). Relay retries.",
            where=where,
            error=exc.strerror or exc,
        ),
    )


def tls_error(exc: ssl.SSLError) -> CallFailed:
    """The error of a failed TLS handshake; nothing was sent."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        code, sentence = CERTIFICATES.get(exc.verify_code, ("tls_failed", NOT_VERIFIED))
        return CallFailed(code, _(sentence))
    return CallFailed(
        "tls_failed",
        _(
            "A secure connection (TLS 1.2 or newer) could not be established, so nothing was sent. "
            "The problem is on the destination's side; Relay retries."
        ),
    )
