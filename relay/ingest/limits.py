"""How much one source may send, and how often one address may sign wrongly.  Per process."""

from __future__ import annotations

import ipaddress
import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

BAD_SIGNATURES = RateLimitItemPerMinute(300)
KEY_QUESTIONS = RateLimitItemPerMinute(20)


class Limits:
    def __init__(self) -> None:
        self.limiter = FixedWindowRateLimiter(MemoryStorage())

    def take(self, source_id: int, per_minute: int) -> int | None:
        """Count one event of a source.  -> None, or the seconds to wait."""
        if not per_minute:
            return None
        item = RateLimitItemPerMinute(per_minute)
        return self._hit(item, f"source:{source_id}")

    def take_key_question(self, source_id: int) -> int | None:
        """Count one question about keys.  -> None, or the seconds to wait."""
        return self._hit(KEY_QUESTIONS, f"keys:{source_id}")

    def take_bad_signature(self, address: str) -> int | None:
        """Count one wrong signature of an address (of a /64 in IPv6: that is what one customer has).

        -> None, or the seconds to wait.
        """
        if ":" in address:
            address = str(ipaddress.IPv6Network((address, 64), strict=False))
        return self._hit(BAD_SIGNATURES, f"address:{address}")

    def _hit(self, item: RateLimitItemPerMinute, name: str) -> int | None:
        if self.limiter.hit(item, name):
            return None
        reset = self.limiter.get_window_stats(item, name).reset_time
        return max(1, math.ceil(reset - time.time()))
