"""An outbound HTTP request, its reply, and the wait that the reply asks for (Retry-After)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from relay.rules.lifecycle import DEFAULT_POLICY


@dataclass(frozen=True)
class OutboundRequest:
    """One call, ready to send.

    ``secrets`` are the values to mask when the request is shown.  ``max_reply_bytes`` is how much of
    the response's body is kept.  ``open_query``: the query of the URL has no secrets and is shown.
    ``ca_pem`` are authorities to trust for this call in addition to the usual ones, as PEM.
    ``secret_reply``: the body of a success is a secret and is not stored.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    timeout_s: float = 30.0
    secrets: tuple[str, ...] = field(default=(), repr=False)
    max_reply_bytes: int = 64 * 1024
    open_query: bool = False
    ca_pem: str = field(default="", repr=False)
    secret_reply: bool = False


@dataclass(frozen=True)
class Reply:
    """The result of a call.

    Either ``status`` is set (a response arrived), or ``error`` is: a stable code such as
    ``dns_failed``, ``connection_refused``, ``timeout``, ``tls_failed``, ``blocked_address`` or
    ``connection_lost``, with ``sentence`` for a person.
    ``permanent`` marks an error that a retry does not fix, such as a blocked address or a bad URL.
    ``body`` has at most ``OutboundRequest.max_reply_bytes``.
    """

    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    elapsed_ms: float = 0.0
    error: str | None = None
    sentence: str = ""
    permanent: bool = False

    def header(self, name: str) -> str | None:
        """The first header with that name, in upper or lower case."""
        lower = name.lower()
        return next((value for key, value in self.headers if key.lower() == lower), None)

    @property
    def text(self) -> str:
        """The body as text.  Invalid UTF-8 and NUL, which databases cannot store, are replaced."""
        return self.body.decode("utf-8", "replace").replace("\x00", "\ufffd")


# A longer Retry-After counts as this long: the next attempt then gets a new one.
LONGEST_RETRY_AFTER_S = DEFAULT_POLICY.longest_retry_after_s


def retry_after_s(reply: Reply, now: datetime | None = None) -> float | None:
    """The reply's Retry-After in seconds.  A date is compared with the reply's own Date header.

    Source: RFC 9110, section 10.2.3.
    """
    text = (reply.header("Retry-After") or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) < 10:
        return min(float(text), LONGEST_RETRY_AFTER_S)
    until = _date(text)
    if until is None:
        return None
    since = _date(reply.header("Date") or "") or now or datetime.now(UTC)
    return min(max(0.0, (until - since).total_seconds()), LONGEST_RETRY_AFTER_S)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
