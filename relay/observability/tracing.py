"""W3C trace context, and the spans for a trace collector.

Everything that happens to an event is one trace with an id made from the event's id.  The request of
the site and each attempt are spans.  A destination gets the attempt's span id in ``traceparent``.
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
    """A step from ``began_ns`` until now.  ``parent_id`` is 0 for the first span of a trace."""

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
    """Send spans over OTLP to ``endpoint``; with None, send none."""
    _collectors.clear()
    if endpoint:
        # The import takes a third of a second, so it is made only if it is needed.
        from relay.observability.otlp import OtlpCollector

        _collectors.append(OtlpCollector(endpoint))


def traceparent(correlation_id: str, attempt_key: str) -> str:
    """The header ``00-<trace>-<span>-01``: one trace per event, one span per attempt."""
    trace_id, _ = _ids_of(correlation_id)
    return f"00-{trace_id:032x}-{_span_of(attempt_key):016x}-01"


def received(correlation_id: str, began_ns: int, facts: Mapping[str, str | int]) -> None:
    """Report a stored event.  ``began_ns`` is when its request was complete."""
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
    """Report an attempt that has just ended."""
    for collector in _collectors:
        trace_id, root = _ids_of(correlation_id)
        began_ns = time.time_ns() - int(elapsed_ms * 1e6)
        own = _span_of(attempt_key)
        collector.send(Span("deliver", trace_id, own, root, began_ns, True, is_error, facts))


def _ids_of(correlation_id: str) -> tuple[int, int]:
    """-> the ids of an event's trace and of its first span"""
    digest = hashlib.sha256(correlation_id.encode()).digest()
    return int.from_bytes(digest[:16], "big"), int.from_bytes(digest[16:24], "big")


def _span_of(attempt_key: str) -> int:
    return int(attempt_key[:16], 16)
