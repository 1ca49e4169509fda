"""Traces: an event and its attempts are one trace, and Relay works without the collector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from relay.launcher.valkey import Valkey
from tests.support.events import comment
from tests.support.network import free_port
from tests.support.sink import Answer, Sink
from tests.support.stack import Stack

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def start(
    tmp_path: Path, database_url: str, valkey: Valkey, sink: Sink
) -> Iterator[Callable[[str], tuple[Stack, str]]]:
    """Start a Relay that sends traces to the endpoint.  -> the stack, and its site's secret"""
    stacks = []

    def start(endpoint: str) -> tuple[Stack, str]:
        stack = Stack(tmp_path, database_url, valkey.url, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
        stacks.append(stack)
        stack.start()
        hook = ("webhook", "Hook", "--set", f"url={sink.url}/hook", "--set", "auth=none")
        stack.flask("destinations", "create", *hook)
        return stack, stack.make_source().secret

    yield start
    for stack in stacks:
        stack.close()


def spans(sink: Sink) -> list[Span]:
    """All spans that the collector received."""
    return [
        span
        for request in list(sink.requests)
        if request.path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(request.body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def test_an_event_is_one_trace_with_a_span_for_each_attempt(
    start: Callable[[str], tuple[Stack, str]], sink: Sink
) -> None:
    sink.answers([Answer(503, headers={"Retry-After": "1"}), Answer(200)], "/hook")
    stack, secret = start(f"{sink.url}/")
    event = comment()
    assert stack.send(event, secret).status_code == 202
    assert stack.send(event, secret).status_code == 200
    calls = sink.wait(2, path="/hook")
    stack.wait_for(lambda: len(spans(sink)) >= 3, 20, "the spans")
    first, *attempts = sorted(spans(sink), key=lambda span: span.start_time_unix_nano)
    assert (first.name, first.parent_span_id) == ("receive event", b"")
    assert [span.name for span in attempts] == ["deliver", "deliver"]
    for call, span in zip(calls, attempts, strict=True):
        _, trace_id, span_id, flags = call.headers["traceparent"].split("-")
        assert (trace_id, span_id, flags) == (span.trace_id.hex(), span.span_id.hex(), "01")
        assert (span.trace_id, span.parent_span_id) == (first.trace_id, first.span_id)
        assert span.end_time_unix_nano > span.start_time_unix_nano
    assert [span.status.code for span in attempts] == [
        Status.STATUS_CODE_ERROR,
        Status.STATUS_CODE_UNSET,
    ]
    assert event["data"]["content"] not in str(spans(sink))


def test_events_are_delivered_while_the_collector_is_down(
    start: Callable[[str], tuple[Stack, str]], sink: Sink
) -> None:
    stack, secret = start(f"http://127.0.0.1:{free_port()}")
    for _ in range(3):
        assert stack.send(comment(), secret).status_code == 202
    assert len(sink.wait(3, path="/hook")) == 3
