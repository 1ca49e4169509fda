"""Spans to a collector over OTLP/HTTP, in batches, from a thread of its own.

A collector that is away costs nothing but the spans: what does not fit its queue is dropped.
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
    """The ids of a thread's next span are known before it begins."""

    trace_id = span_id = 0

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        return self.span_id


class OtlpCollector:
    """``endpoint`` is the collector's address without ``/v1/traces``."""

    def __init__(self, endpoint: str):
        self.endpoint, self.ids = endpoint.rstrip("/"), GivenIds()
        self.lock = threading.Lock()
        self.tracer: trace.Tracer | None = None

    def send(self, span: Span) -> None:
        self.ids.trace_id, self.ids.span_id = span.trace_id, span.span_id
        sent = self._tracer().start_span(
            span.name,
            self._after(span),
            trace.SpanKind.CLIENT if span.is_outbound else trace.SpanKind.SERVER,
            dict(span.facts),
            start_time=span.began_ns,
        )
        if span.is_error:
            sent.set_status(trace.Status(trace.StatusCode.ERROR))
        sent.end()

    def _after(self, span: Span) -> trace.Context | None:
        if not span.parent_id:
            return None
        flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
        parent = trace.SpanContext(span.trace_id, span.parent_id, True, flags)
        return trace.set_span_in_context(trace.NonRecordingSpan(parent))

    def _tracer(self) -> trace.Tracer:
        """Made with the first span: a process that forks has no sending thread to lose."""
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
