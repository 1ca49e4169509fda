"""Redis' URLs, without what its library loads for measuring itself.

If OpenTelemetry's SDK is installed, ``import redis`` imports its metrics: a tenth of the start of a command, and
memory in each process.  Relay does not use them.  This module is imported first, by the settings.
"""

from __future__ import annotations

import sys

UNUSED = "opentelemetry.sdk.metrics"
hide = "redis" not in sys.modules and UNUSED not in sys.modules
if hide:
    sys.modules[UNUSED] = None  # type: ignore[assignment]  # an import of it fails
try:
    from redis.connection import parse_url
finally:
    if hide:
        del sys.modules[UNUSED]

__all__ = ["parse_url"]
