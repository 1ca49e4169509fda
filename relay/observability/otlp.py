"""Sends spans to a collector over OTLP/HTTP, in batches and in a separate thread.

If the collector is unavailable, only spans are lost: those that do not fit the queue are dropped.
Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import threading

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator

from relay.observability.tracing import Span

SEND_AFTER_MS = 1000


class GivenIds(IdGenerator, threading.local):
    """Gives a thread's next span the ids that were set before."""

    trace_id = span_id = 0

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        return self.span_id


class OtlpCollector:
    """A client of a collector.  ``endpoint`` is its URL without ``/v1/traces``."""

    def __init__(self, endpoint: str):
        self.endpoint, self.ids = endpoint.rstrip("/"), GivenIds()
        self.lock = threading.Lock()
        self.tracer: trace.Tracer | None = None

    def send(self, span: Span) -> None:
        self.ids.trace_id, self.ids.span_id = span.trace_id, span.span_id
        started = self._tracer().start_span(
            span.name,
            self._parent_of(span),
            trace.SpanKind.CLIENT if span.is_outbound else trace.SpanKind.SERVER,
            dict(span.facts),
            links=[trace.Link(_remote(*span.link))] if span.link else [],
            start_time=span.began_ns,
        )
        if span.is_error:
            started.set_status(trace.Status(trace.StatusCode.ERROR))
        started.end()

    def _parent_of(self, span: Span) -> trace.Context | None:
        if not span.parent_id:
            return None
        parent = _remote(span.trace_id, span.parent_id)
        return trace.set_span_in_context(trace.NonRecordingSpan(parent))

    def _tracer(self) -> trace.Tracer:
        """Created with the first span, because a fork before it would lose the sending thread."""
        with self.lock:
            if self.tracer is None:
                provider = TracerProvider(
                    resource=Resource.create({"service.name": "relay"}), id_generator=self.ids
                )
                exporter = OTLPSpanExporter(endpoint=f"{self.endpoint}/v1/traces")
                provider.add_span_processor(
                    BatchSpanProcessor(exporter, schedule_delay_millis=SEND_AFTER_MS)
                )
                self.tracer = provider.get_tracer("relay")
            return self.tracer


def _remote(trace_id: int, span_id: int) -> trace.SpanContext:
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
    return trace.SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)
