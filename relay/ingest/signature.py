"""Checks a request's time and signature.  Pure: imports the standard library only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

TIMESTAMP = re.compile(r"[0-9]{1,12}\Z")


@dataclass(frozen=True)
class VerifyingKey:
    """A signing key with its HMAC prepared.  ``not_before`` and ``not_after`` have a time zone."""

    row_id: int
    key_id: str
    source_id: int
    mac: Any = field(repr=False)
    secret: str = field(repr=False)
    not_before: datetime
    not_after: datetime | None
    revoked: bool

    @classmethod
    def prepare(
        cls,
        secret: str,
        row_id: int,
        key_id: str,
        source_id: int,
        not_before: datetime,
        not_after: datetime | None,
        revoked: bool,
    ) -> VerifyingKey:
        mac = hmac.new(secret.encode(), digestmod=hashlib.sha256)
        return cls(row_id, key_id, source_id, mac, secret, not_before, not_after, revoked)

    def is_live(self, now: datetime) -> bool:
        return self.state(now) == "live"

    def state(self, now: datetime) -> str:
        """``live``, ``revoked``, ``expired`` or ``not_valid_yet``."""
        if self.revoked:
            return "revoked"
        if self.not_after is not None and now >= self.not_after:
            return "expired"
        return "live" if self.not_before <= now else "not_valid_yet"

    def mac_of(self, text: bytes, before: str = "", after: str = "") -> bytes:
        """HMAC-SHA256 of ``text``; ``before`` and ``after`` are put around the secret."""
        if before or after:
            return hmac.digest(f"{before}{self.secret}{after}".encode(), text, "sha256")
        mac = self.mac.copy()
        mac.update(text)
        return mac.digest()  # type: ignore[no-any-return]

    def signs(self, timestamp: str, raw: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is base64 of HMAC-SHA256(secret, timestamp + "." + body).

        ``signature`` is compared with our own encoding and never decoded, so it has only one form.
        """
        mac = self.mac_of(timestamp.encode("latin-1", "replace") + b"." + raw)
        return hmac.compare_digest(base64.b64encode(mac), signature)


def clock_difference(timestamp: str, now: float) -> float | None:
    """Seconds by which the sender's clock is ahead of Relay's; None for a malformed timestamp."""
    return int(timestamp) - now if TIMESTAMP.match(timestamp) else None


def check_freshness(timestamp: str, now: float, window_s: float) -> bool:
    """Whether the timestamp is 1 to 12 ASCII digits and within the window, past or future."""
    ahead = clock_difference(timestamp, now)
    return ahead is not None and abs(ahead) <= window_s


def verify(
    keys: Iterable[VerifyingKey], timestamp: str, raw: bytes, signature: bytes
) -> VerifyingKey | None:
    """The one of ``keys`` that made the signature; None if none did."""
    return next((key for key in keys if key.signs(timestamp, raw, signature)), None)
