"""The library ``redis``, without what it loads for measuring itself.  Relay imports it from here only.

If OpenTelemetry's SDK is installed, ``import redis`` imports its metrics: 40 ms of CPU, and memory in each process.
Relay does not use them.
"""

from __future__ import annotations

import sys

UNUSED = "opentelemetry.sdk.metrics"
hide = "redis" not in sys.modules and UNUSED not in sys.modules
if hide:
    sys.modules[UNUSED] = None  # type: ignore[assignment]  # an import of it fails
try:
    import redis
    from redis.backoff import NoBackoff
    from redis.connection import parse_url
    from redis.exceptions import OutOfMemoryError, RedisError, ResponseError
    from redis.retry import Retry
finally:
    if hide:
        del sys.modules[UNUSED]

__all__ = [
    "NoBackoff",
    "OutOfMemoryError",
    "RedisError",
    "ResponseError",
    "Retry",
    "parse_url",
    "redis",
]
