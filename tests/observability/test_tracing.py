"""Traces: an event and its attempts are one trace, and Relay works without the collector."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from relay.launcher.valkey import Valkey
from relay.observability import tracing
from tests.support.events import comment
from tests.support.network import free_port
from tests.support.sink import Answer, Sink
from tests.support.stack import Stack

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


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


def facts_of(span: Span) -> dict[str, str | int]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def documented() -> dict[str, set[str]]:
    """-> the attributes of each span that the manual lists"""
    manual = (Path(__file__).parents[2] / "docs/observability.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z ]+)` \| (?:server|client) \| (.*) \|$", manual, re.M)
    return {name: set(re.findall(r"`([a-z_.]+)`", listed)) for name, listed in rows}


@SQLITE
def test_an_event_is_one_trace_with_a_span_for_each_attempt(
    start: Callable[[str], tuple[Stack, str]], sink: Sink
) -> None:
    sink.answers([Answer(503, headers={"Retry-After": "1"}), Answer(200)], "/hook")
    stack, secret = start(f"{sink.url}/")
    event = comment()
    theirs = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
    assert stack.send(event, secret, headers=theirs).status_code == 202
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
    (link,) = first.links
    assert (link.trace_id.hex(), link.span_id.hex()) == ("ab" * 16, "cd" * 8)
    assert (
        facts_of(first).items()
        >= {
            "http.request.method": "POST",
            "http.route": "/webhooks/wp",
            "url.path": "/webhooks/wp",
            "url.scheme": "http",
            "http.response.status_code": 202,
        }.items()
    )
    for number, (span, status) in enumerate(zip(attempts, (503, 200), strict=True)):
        facts = facts_of(span)
        assert (
            facts.items()
            >= {
                "http.request.method": "POST",
                "server.address": "127.0.0.1",
                "server.port": sink.port,
                "url.scheme": "http",
                "http.response.status_code": status,
            }.items()
        )
        assert facts.get("error.type") == ("503" if status == 503 else None)
        assert facts.get("http.request.resend_count", 0) == number
    assert documented() == {
        first.name: set(facts_of(first)),
        "deliver": set(facts_of(attempts[0])) | set(facts_of(attempts[1])),
    }
    assert event["data"]["content"] not in str(spans(sink))
    assert "/hook" not in str(spans(sink)), "the path of a webhook may be a secret"


@SQLITE
def test_events_are_delivered_while_the_collector_is_down(
    start: Callable[[str], tuple[Stack, str]], sink: Sink
) -> None:
    stack, secret = start(f"http://127.0.0.1:{free_port()}")
    for _ in range(3):
        assert stack.send(comment(), secret).status_code == 202
    assert len(sink.wait(3, path="/hook")) == 3


TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", True),  # not sampled there: a link is still right
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", True),
        (f"00-{TRACE}-{SPAN}-01-what-the-future-will-be-like", False),
        (f"ff-{TRACE}-{SPAN}-01", False),
        (f"00-{'0' * 32}-{SPAN}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE.upper()}-{SPAN}-01", False),
        (f"00-{TRACE}-{SPAN}", False),
        (f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01", False),
        (f"00-{TRACE}-{SPAN}-01\n", False),
        ("", False),
        ("x" * 10_000, False),
    ],
)
def test_only_a_valid_traceparent_is_a_link(text: str, is_valid: bool) -> None:
    expected = (int(TRACE, 16), int(SPAN, 16)) if is_valid else None
    assert tracing.parse_traceparent(text) == expected


@pytest.mark.parametrize(
    ("request_", "status", "error", "facts"),
    [
        ({}, None, "worker_died", {"error.type": "worker_died"}),
        (
            {"method": "POST", "url": "https://hooks.example.com/T0/secret"},
            None,
            "timeout",
            {
                "http.request.method": "POST",
                "server.address": "hooks.example.com",
                "server.port": 443,
                "url.scheme": "https",
                "error.type": "timeout",
            },
        ),
        (
            {"method": "SEND", "url": "smtp://mail.example.com:587"},
            None,
            False,
            {"server.address": "mail.example.com", "server.port": 587, "url.scheme": "smtp"},
        ),
        ({"method": "POST", "url": "http://[broken"}, None, False, {}),
        (
            {"method": "POST", "url": "http://[::1]:80/"},
            200,
            "channel_not_found",
            {
                "http.request.method": "POST",
                "server.address": "::1",
                "server.port": 80,
                "url.scheme": "http",
                "http.response.status_code": 200,
                "error.type": "channel_not_found",
            },
        ),
    ],
)
def test_the_attributes_of_a_call(
    request_: dict[str, str], status: int | None, error: str | bool, facts: dict[str, str | int]
) -> None:
    assert tracing.call_facts(request_, status, error) == facts
