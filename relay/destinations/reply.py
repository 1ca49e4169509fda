"""What came back from a call, and what HTTP itself says about trying again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from relay.rules.lifecycle import DEFAULT_POLICY, Accepted, Failed, Refused, Signal


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


def phrase(status: int) -> str:
    """``404 Not Found``."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def moved_to(location: str) -> str:
    """Which server a redirect names.  Not the rest: it may repeat a token of the old address."""
    try:
        parts = urlsplit(location)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if not re.fullmatch(r"[A-Za-z0-9._:-]{1,253}", host):
        return "another page of the same server"
    return f"{parts.scheme or 'https'}://{host}"


SENTENCES = {
    400: "It does not accept this message. Compare what was sent with what it expects.",
    401: "It does not accept our credentials. Enter them again in the destination's settings, then resume.",
    403: "It knows us but does not let us do this. Check the credentials' permissions.",
    404: "Nothing lives at this address. Check it in the destination's settings.",
    405: "It does not take messages at this address. Check it in the destination's settings.",
    409: "It says that this message is in conflict with what it has.",
    413: "The message is too large for it.",
    422: "It does not accept the message's content. Compare what was sent with what it expects.",
}


def classify(reply: Reply) -> Signal:
    """The default by HTTP alone: 2xx is taken; 408, 425, 429, 5xx and silence may pass; the rest will not."""
    if reply.error is not None or reply.status is None:
        code = reply.error or "no_answer"
        kind = Refused if reply.permanent else Failed
        return kind(code, reply.sentence or "The destination did not answer. Relay tries again.")
    status, said = reply.status, f"The destination answered {phrase(reply.status)}."
    code = f"http_{status}"
    if 200 <= status < 300:
        return Accepted()
    if status in (408, 425, 429) or status >= 500:
        why = "It has too much to do" if status == 429 else "It has trouble of its own"
        return Failed(code, f"{said} {why}; Relay tries again.", retry_after_s(reply))
    if 300 <= status < 400:
        where = moved_to(reply.header("Location") or "")
        return Refused(
            code,
            f"{said} It moved to {where}. Relay does not follow: enter the new address in the settings.",
        )
    if status == 410:
        return Refused(
            code, f"{said} This address is closed for good. Enter a new one and resume.", pause=True
        )
    why = SENTENCES.get(status, "It does not accept this message.")
    return Refused(code, f"{said} {why}", pause=status == 401)
