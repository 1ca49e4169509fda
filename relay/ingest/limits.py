"""Rate limits of the ingest endpoint, counted per process and minute."""

from __future__ import annotations

import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from relay.networks import network_of

FAILURES = RateLimitItemPerMinute(300)
KEY_REQUESTS = RateLimitItemPerMinute(20)
EXPLANATIONS, ALL_EXPLANATIONS = RateLimitItemPerMinute(10), RateLimitItemPerMinute(60)


class Limits:
    """Each method counts one request.  -> None, or the seconds to wait if it is over the limit."""

    def __init__(self) -> None:
        self.limiter = FixedWindowRateLimiter(MemoryStorage())

    def count_event(self, source_id: int, per_minute: int) -> int | None:
        """``per_minute`` is the limit of the source; 0 means no limit."""
        if not per_minute:
            return None
        item = RateLimitItemPerMinute(per_minute)
        return self._hit(item, f"source:{source_id}")

    def count_key_request(self, source_id: int) -> int | None:
        return self._hit(KEY_REQUESTS, f"keys:{source_id}")

    def count_failure(self, address: str) -> int | None:
        """A request from ``address`` failed authentication.

        IPv6 addresses count together by their /64 network, which is what one customer usually has.
        """
        return self._hit(FAILURES, f"address:{network_of(address)}")

    def may_explain(self, address: str) -> bool:
        """Whether the mistake in a signature from ``address`` may be looked for: 10 a minute, 60 in all."""
        name = f"explain:{network_of(address)}"
        is_over = self._hit(EXPLANATIONS, name) or self._hit(ALL_EXPLANATIONS, "explain")
        return is_over is None

    def _hit(self, item: RateLimitItemPerMinute, name: str) -> int | None:
        if self.limiter.hit(item, name):
            return None
        reset = self.limiter.get_window_stats(item, name).reset_time
        return max(1, math.ceil(reset - time.time()))
