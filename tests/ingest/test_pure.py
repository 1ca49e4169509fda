"""Signature, strict JSON and schemas, as tables."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.event_types import SAMPLES
from relay.ingest import strict_json
from relay.ingest.schemas import EventIdMismatch, InvalidEvent, load_event
from relay.ingest.signature import VerifyingKey, check_freshness, verify
from tests.support.stack import sign

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def key(secret: str = "s" * 40, **changes: Any) -> VerifyingKey:
    values: dict[str, Any] = {
        "row_id": 1,
        "key_id": "key_1",
        "source_id": 1,
        "not_before": NOW,
        "not_after": None,
        "revoked": False,
    }
    return VerifyingKey.prepare(secret, **{**values, **changes})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+1",
        "-1",
        " 1",
        "1 ",
        "1_0",
        "1e3",
        "0x1",
        "1.0",
        "²",
        "١٢٣",
        "nan",
        "inf",
        "1" * 13,
        "1\n",
    ],
)
def test_a_timestamp_is_only_ascii_digits(text: str) -> None:
    assert not check_freshness(text, 1.0, 10**15)


@pytest.mark.parametrize(
    ("off", "fresh"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)]
)
def test_the_window_is_closed_on_both_sides(off: int, fresh: bool) -> None:
    assert check_freshness(str(1_000_000 + off), 1_000_000.0, 300) is fresh


def test_every_key_is_tried_and_bytes_are_what_counts() -> None:
    raw = b'{"a": "\xff\xfe"}'
    signature = sign("b" * 40, "1000", raw).encode()
    keys = [key("a" * 40), key("b" * 40, row_id=2)]
    found = verify(keys, "1000", raw, signature)
    assert found is not None and found.row_id == 2
    for wrong in (
        signature + b"=",
        signature[:-1],
        signature.lower(),
        b"",
        "ü".encode(),
        signature + b"\n",
    ):
        assert verify(keys, "1000", raw, wrong) is None
    assert verify(keys, "1001", raw, signature) is None


@pytest.mark.parametrize(
    ("changes", "live"),
    [
        ({}, True),
        ({"not_before": NOW + timedelta(seconds=1)}, False),
        ({"not_after": NOW + timedelta(seconds=1)}, True),
        ({"not_after": NOW}, False),
        ({"revoked": True}, False),
    ],
)
def test_a_key_lives_within_its_window(changes: dict[str, Any], live: bool) -> None:
    assert key(**changes).is_live(NOW) is live


BAD_JSON = [
    b"",
    b"{",
    b"\xff",
    b"\xef\xbb\xbf{}",
    b"NaN",
    b'{"a": Infinity}',
    b'{"a": -Infinity}',
    b'{"a": 1, "a": 2}',
    b'{"a": "\\u0000"}',
    b'{"a\\u0000": 1}',
    b'{"a": "\\ud800"}',
    b'{"a": "\\udc00x"}',
    b'{"a": 9223372036854775808}',
    b'{"a": -9223372036854775809}',
    b'{"a": ' + b"9" * 5000 + b"}",
    b'{"a": 1e999}',
    b"[" * 65 + b"]" * 65,
    b'{"a":' * 70 + b"1" + b"}" * 70,
    b"[" * 100_000,
    b'{"a": 01}',
    b"{'a': 1}",
    b'{"a": 1} x',
    b'{"a": "\n"}',
]


@pytest.mark.parametrize("raw", BAD_JSON, ids=[str(n) for n in range(len(BAD_JSON))])
def test_json_that_others_would_read_otherwise_is_refused(raw: bytes) -> None:
    with pytest.raises(strict_json.NotStrict) as refused:
        strict_json.loads(raw)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 64 + b"]" * 64,
        b'{"a": "\\ud83d\\ude00"}',
        b'{"a": [-9223372036854775808, 1.5]}',
        '{"ü": "😀"}'.encode(),
    ],
)
def test_json_within_the_rules_passes(raw: bytes) -> None:
    assert strict_json.loads(raw) == json.loads(raw)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_parser_fall(raw: bytes) -> None:
    try:
        strict_json.loads(raw)
    except strict_json.NotStrict:
        return


def event(event_type: str, data: Any) -> dict[str, Any]:
    return {"event": event_type, "event_id": "e1", "site": "https://shop.example.com", "data": data}


def load(body: Any) -> Any:
    return load_event(body, json.dumps(body).encode(), "e1")


@pytest.mark.parametrize("event_type", sorted(SAMPLES))
def test_every_sample_fits_its_schema(event_type: str) -> None:
    loaded = load(event(event_type, SAMPLES[event_type]))
    assert loaded.event_type == event_type
    assert json.loads(loaded.payload)["data"] == SAMPLES[event_type]


REQUIRED = [
    (kind, name)
    for kind, names in {
        "comment.created": ("id", "post_id", "author", "content", "created_at"),
        "order.created": (
            "id",
            "number",
            "status",
            "currency",
            "total",
            "customer",
            "items",
            "created_at",
        ),
        "order.status_changed": (
            "id",
            "number",
            "status",
            "currency",
            "total",
            "customer",
            "items",
            "created_at",
        ),
        "lead.created": ("form", "fields"),
    }.items()
    for name in names
]


@pytest.mark.parametrize(("event_type", "name"), REQUIRED)
def test_a_missing_field_is_named(event_type: str, name: str) -> None:
    data = {key: value for key, value in SAMPLES[event_type].items() if key != name}
    with pytest.raises(InvalidEvent) as refused:
        load(event(event_type, data))
    assert list(refused.value.reasons) == [f"data.{name}"]


@pytest.mark.parametrize(
    ("event_type", "change", "path"),
    [
        ("comment.created", {"id": "abc"}, "data.id"),
        ("comment.created", {"id": True}, "data.id"),
        ("comment.created", {"id": -1}, "data.id"),
        ("comment.created", {"content": 5}, "data.content"),
        ("comment.created", {"content": None}, "data.content"),
        ("comment.created", {"created_at": "yesterday"}, "data.created_at"),
        ("order.created", {"total": 12.5}, "data.total"),
        ("order.created", {"total": "12,50"}, "data.total"),
        ("order.created", {"currency": "euro"}, "data.currency"),
        ("order.created", {"items": {}}, "data.items"),
        ("order.created", {"items": [1]}, "data.items.0"),
        ("lead.created", {"form": {"plugin": "cf7", "id": 1}}, "data.form.title"),
        ("lead.created", {"fields": []}, "data.fields"),
    ],
)
def test_a_wrong_field_is_named(event_type: str, change: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        load(event(event_type, SAMPLES[event_type] | change))
    assert list(refused.value.reasons) == [path]


@pytest.mark.parametrize(
    "change",
    [{"id": "318", "post_id": 12}, {"created_at": "2025-01-01 12:00:00"}, {"mood": {"deep": [1]}}],
)
def test_numeric_text_wordpress_time_and_unknown_fields_pass(change: dict[str, Any]) -> None:
    loaded = load(event("comment.created", SAMPLES["comment.created"] | change))
    assert json.loads(loaded.payload)["data"].items() >= change.items()


@pytest.mark.parametrize(
    "event_type", ["x.", "x.UP", "y.own", "comment.deleted", "", "x." + "a" * 80]
)
def test_an_unknown_type_is_refused(event_type: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        load(event(event_type, {}))
    assert list(refused.value.reasons) == ["event"]


def test_an_own_type_carries_any_object() -> None:
    assert (
        load(event("x.bookings.made", {"anything": [1, {"goes": None}]})).event_type
        == "x.bookings.made"
    )


@pytest.mark.parametrize("body", [[], "text", 5, None])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    with pytest.raises(strict_json.NotStrict):
        load(body)


@pytest.mark.parametrize("name", ["event", "event_id", "site", "data"])
def test_the_envelope_is_complete(name: str) -> None:
    body = copy.deepcopy(event("relay.test", {}))
    del body[name]
    with pytest.raises(InvalidEvent) as refused:
        load(body)
    assert name in refused.value.reasons


def test_another_event_id_inside_is_told_apart() -> None:
    with pytest.raises(EventIdMismatch):
        load(event("relay.test", {}) | {"event_id": "e2"})


def test_a_site_of_any_length_and_a_crowd_of_doubles_are_refused_without_searching_long() -> None:
    """Each would take minutes if the effort grew with the square of the size."""
    body = event("comment.created", {"id": 1}) | {"site": "http://" + "a" * 250_000 + " "}
    with pytest.raises(InvalidEvent):
        load(body)
    names = [f'"k{n}":0' for n in range(100_000)]
    with pytest.raises(strict_json.NotStrict, match="stands twice"):
        strict_json.loads(("{" + ",".join([*names, names[-1]]) + "}").encode())
