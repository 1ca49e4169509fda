"""W3C trace context: every attempt carries a ``traceparent`` that is derived from its event.

Source: https://www.w3.org/TR/trace-context/#traceparent-header
"""

from __future__ import annotations

import hashlib
import secrets


def traceparent(correlation_id: str) -> str:
    """``00-<trace>-<span>-01``: the same trace for all calls about one event, a new span for each."""
    trace = hashlib.sha256(correlation_id.encode()).hexdigest()[:32]
    return f"00-{trace}-{secrets.token_hex(8)}-01"
