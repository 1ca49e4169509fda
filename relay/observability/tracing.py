"""W3C trace context, and the spans for a trace collector.

Everything that happens to an event is one trace with an id made from the event's id.  The request of
the site and each attempt are spans.  A destination gets the attempt's span id in ``traceparent``.

A ``traceparent`` that a site sends becomes a link of the event's first span, not its parent: an event
that arrives again, or is retried a day later, must stay one trace, whatever the site sends.
Sources: https://www.w3.org/TR/trace-context/#traceparent-header,
https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit


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
    link: tuple[int, int] | None = None  # ids of the trace and the span that caused it elsewhere


Facts = dict[str, str | int]
TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
PORTS = {"http": 80, "https": 443}


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


def is_on() -> bool:
    """Whether there is a collector; without one, there is no need to collect facts."""
    return bool(_collectors)


def parse_traceparent(text: str) -> tuple[int, int] | None:
    """-> the ids of trace and span; None for a header that is missing or malformed"""
    found = TRACEPARENT.fullmatch(text)
    if not found or (found[1] == "00" and found[4]):
        return None
    trace_id, span_id = int(found[2], 16), int(found[3], 16)
    return (trace_id, span_id) if trace_id and span_id else None


def request_facts(method: str, scheme: str, route: str, slug: str | None, status: int) -> Facts:
    """The attributes of a request to Relay; ``slug`` fills the ``<source>`` of the route."""
    return {
        "http.request.method": method,
        "http.route": route,
        "url.path": route.replace("<source>", slug or ""),
        "url.scheme": scheme,
        "http.response.status_code": status,
    }


def call_facts(request: Mapping[str, Any], status: int | None, error: str | bool) -> Facts:
    """The attributes of a call; ``request`` as in ``Attempt.request``, empty if none was made.

    Never the whole URL, because its path can be a secret.  ``error`` is the code of an error.
    """
    facts: Facts = {}
    try:
        url = urlsplit(request.get("url", ""))
        port = url.port or PORTS.get(url.scheme)
    except ValueError:
        url, port = urlsplit(""), None
    if url.hostname:
        facts |= {"server.address": url.hostname, "url.scheme": url.scheme}
        if port:
            facts["server.port"] = port
    if url.scheme in PORTS:
        facts["http.request.method"] = request["method"]
    if status:
        facts["http.response.status_code"] = status
    if error:
        facts["error.type"] = str(status if status and status >= 400 else error)  # noqa: PLR2004
    return facts


def received(
    correlation_id: str, began_ns: int, facts: Mapping[str, str | int], caused_by: str = ""
) -> None:
    """Report a stored event.  ``began_ns`` is when its request was complete.

    ``caused_by`` is the ``traceparent`` of the request.
    """
    for collector in _collectors:
        trace_id, span_id = _ids_of(correlation_id)
        link = parse_traceparent(caused_by)
        span = Span("receive event", trace_id, span_id, 0, began_ns, False, False, facts, link)
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
