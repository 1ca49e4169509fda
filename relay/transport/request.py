"""An outbound HTTP request, its reply, and the time that the reply asks to wait (Retry-After)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from relay.rules.lifecycle import DEFAULT_POLICY


@dataclass(frozen=True)
class OutboundRequest:
    """One call, ready to send.  ``secrets`` are the literal values to mask when it is shown.

    ``most_bytes`` is where its answer is cut.  ``open_query`` says that the query of the address
    holds nothing secret.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    timeout_s: float = 30.0
    secrets: tuple[str, ...] = field(default=(), repr=False)
    most_bytes: int = 64 * 1024
    open_query: bool = False


@dataclass(frozen=True)
class Reply:
    """What came back.

    Either ``status`` is set (an HTTP answer), or ``error`` is: a stable code such as
    ``dns_failed``, ``connection_refused``, ``timeout``, ``tls_failed``, ``blocked_address``,
    ``connection_lost``, ``response_too_large`` with ``sentence`` for a person.
    ``permanent`` marks an error that time will not mend (a blocked address, a broken URL).
    ``body`` is cut at the size cap.
    """

    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    elapsed_ms: float = 0.0
    error: str | None = None
    sentence: str = ""
    permanent: bool = False

    def header(self, name: str) -> str | None:
        """The first header of that name, whatever its case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    @property
    def text(self) -> str:
        """The body as text that any database can hold (bad UTF-8 and NUL replaced)."""
        return self.body.decode("utf-8", "replace").replace("\x00", "\ufffd")


# what asks for more is believed so far, and asked again
LONGEST_RETRY_AFTER_S = DEFAULT_POLICY.longest_retry_after_s


def retry_after_s(reply: Reply, now: datetime | None = None) -> float | None:
    """The answer's Retry-After in seconds: a number, or a date against the answer's own Date.

    Source: RFC 9110, section 10.2.3.
    """
    text = (reply.header("Retry-After") or "").strip()
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
