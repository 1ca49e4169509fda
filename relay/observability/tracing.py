"""W3C trace context, and the traces that are sent where a collector is named.

All that happens to an event is one trace, derived from its id: the request that brought it, and each
attempt as a span of its own, whose id the destination gets in ``traceparent``.
Source: https://www.w3.org/TR/trace-context/#traceparent-header
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Span:
    """Something that was done, from ``began_ns`` until now.  ``parent_id`` 0: nothing came before."""

    name: str
    trace_id: int
    span_id: int
    parent_id: int
    began_ns: int
    is_outbound: bool
    is_error: bool
    facts: Mapping[str, str | int]


class Collector(Protocol):
    def send(self, span: Span) -> None: ...


_collectors: list[Collector] = []


def init_tracing(endpoint: str | None) -> None:
    """Send spans over OTLP to ``endpoint``; None for nowhere, and without the cost."""
    _collectors.clear()
    if endpoint:
        from relay.observability.otlp import OtlpCollector  # a third of a second that few need

        _collectors.append(OtlpCollector(endpoint))


def traceparent(correlation_id: str, attempt_key: str) -> str:
    """``00-<trace>-<span>-01``: the same trace for all calls about one event, a span for each attempt."""
    trace_id, _ = _ids_of(correlation_id)
    return f"00-{trace_id:032x}-{_span_of(attempt_key):016x}-01"


def received(correlation_id: str, began_ns: int, facts: Mapping[str, str | int]) -> None:
    """An event was committed just now; ``began_ns`` is when its request was whole."""
    for collector in _collectors:
        trace_id, span_id = _ids_of(correlation_id)
        span = Span("receive event", trace_id, span_id, 0, began_ns, False, False, facts)
        collector.send(span)


def attempted(
    correlation_id: str,
    attempt_key: str,
    elapsed_ms: float,
    is_error: bool,
    facts: Mapping[str, str | int],
) -> None:
    """An attempt has just ended."""
    for collector in _collectors:
        trace_id, root = _ids_of(correlation_id)
        began_ns = time.time_ns() - int(elapsed_ms * 1e6)
        own = _span_of(attempt_key)
        collector.send(Span("deliver", trace_id, own, root, began_ns, True, is_error, facts))


def _ids_of(correlation_id: str) -> tuple[int, int]:
    """Of an event's trace and of its first span."""
    digest = hashlib.sha256(correlation_id.encode()).digest()
    return int.from_bytes(digest[:16], "big"), int.from_bytes(digest[16:24], "big")


def _span_of(attempt_key: str) -> int:
    return int(attempt_key[:16], 16)
