"""The schemas of the event types, as tables."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest

from relay.delivery.payload import parse_payload
from relay.event_types import SAMPLES
from relay.ingest import strict_json
from relay.ingest.schemas import EventIdMismatch, InvalidEvent, load_event


def envelope(event_type: str, data: Any) -> dict[str, Any]:
    return {"event": event_type, "event_id": "e1", "site": "https://shop.example.com", "data": data}


def load(body: Any) -> Any:
    return load_event(body, json.dumps(body).encode(), "e1")


@pytest.mark.parametrize("event_type", sorted(SAMPLES))
def test_every_sample_matches_its_schema(event_type: str) -> None:
    loaded = load(envelope(event_type, SAMPLES[event_type]))
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
        "order.deleted": ("id", "number"),
        "lead.created": ("form", "fields"),
        "product.low_stock": ("id", "name"),
        "customer.updated": ("id",),
        "coupon.deleted": ("id", "code"),
        "subscription.renewed": ("id", "number", "status", "customer", "items", "created_at"),
        "post.published": ("id", "title"),
    }.items()
    for name in names
]


@pytest.mark.parametrize(("event_type", "name"), REQUIRED)
def test_a_missing_field_is_named(event_type: str, name: str) -> None:
    data = {key: value for key, value in SAMPLES[event_type].items() if key != name}
    with pytest.raises(InvalidEvent) as error:
        load(envelope(event_type, data))
    assert list(error.value.reasons) == [f"data.{name}"]


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
        ("lead.created", {"fields": [1]}, "data.fields"),
        ("order.deleted", {"deleted_at": "soon"}, "data.deleted_at"),
        ("product.updated", {"price": 89.9}, "data.price"),
        ("coupon.created", {"amount": "ten"}, "data.amount"),
        ("subscription.renewal_failed", {"order_id": "A1"}, "data.order_id"),
        ("post.updated", {"title": None}, "data.title"),
    ],
)
def test_a_wrong_field_is_named(event_type: str, change: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidEvent) as error:
        load(envelope(event_type, SAMPLES[event_type] | change))
    assert list(error.value.reasons) == [path]


@pytest.mark.parametrize(
    "change",
    [{"id": "318", "post_id": 12}, {"created_at": "2025-01-01 12:00:00"}, {"mood": {"deep": [1]}}],
)
def test_numeric_text_wordpress_time_and_unknown_fields_pass(change: dict[str, Any]) -> None:
    loaded = load(envelope("comment.created", SAMPLES["comment.created"] | change))
    assert json.loads(loaded.payload)["data"].items() >= change.items()


@pytest.mark.parametrize(
    "event_type", ["x.", "x.UP", "y.own", "comment.deleted", "", "x." + "a" * 80]
)
def test_an_unknown_type_is_refused(event_type: str) -> None:
    with pytest.raises(InvalidEvent) as error:
        load(envelope(event_type, {}))
    assert list(error.value.reasons) == ["event"]


def test_a_custom_type_can_have_any_object() -> None:
    assert (
        load(envelope("x.bookings.made", {"anything": [1, {"goes": None}]})).event_type
        == "x.bookings.made"
    )


@pytest.mark.parametrize("body", [[], "text", 5, None])
def test_a_body_that_is_not_an_object_is_refused(body: Any) -> None:
    with pytest.raises(strict_json.NotStrict):
        load(body)


@pytest.mark.parametrize("name", ["event", "event_id", "site", "data"])
def test_every_field_of_the_envelope_is_required(name: str) -> None:
    body = copy.deepcopy(envelope("relay.test", {}))
    del body[name]
    with pytest.raises(InvalidEvent) as error:
        load(body)
    assert name in error.value.reasons


def test_another_event_id_in_the_body_is_refused() -> None:
    with pytest.raises(EventIdMismatch):
        load(envelope("relay.test", {}) | {"event_id": "e2"})


def test_a_very_long_site_is_refused_quickly() -> None:
    """It would take minutes if the effort grew with the square of the length."""
    body = envelope("comment.created", {"id": 1}) | {"site": "http://" + "a" * 250_000 + " "}
    began = time.process_time()
    with pytest.raises(InvalidEvent):
        load(body)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("event_type", "path"),
    [
        ("order.created", ("customer",)),
        ("order.status_changed", ("customer",)),
        ("order.created", ("customer", "billing")),
        ("order.created", ("customer", "shipping")),
        ("order.created", ("billing",)),
        ("subscription.created", ("customer",)),
        ("customer.created", ("billing",)),
        ("lead.created", ("fields",)),
        ("lead.created", ("utm",)),
        ("user.registered", ()),
        ("x.own", ()),
        ("relay.test", ()),
    ],
)
def test_an_empty_list_of_php_is_an_empty_object_where_one_is_expected(
    event_type: str, path: tuple[str, ...]
) -> None:
    body = envelope(event_type, copy.deepcopy(SAMPLES.get(event_type, {})))
    *parents, last = ("data", *path)
    found = body
    for name in parents:
        found = found[name]
    found[last] = []
    read = parse_payload(load(body).payload)
    for name in ("data", *path):
        read = read[name]
    assert read == {}


def test_the_payload_keeps_the_empty_list_as_it_was_sent() -> None:
    raw = b'{"event":"x.own","event_id":"e1","site":"https://a.example","data":[]}'
    assert load_event(strict_json.loads(raw), raw, "e1").payload == raw.decode()


@pytest.mark.parametrize(
    ("event_type", "change", "path"),
    [
        ("order.created", {"items": []}, ("items",)),
        ("x.own", {"fields": []}, ("fields",)),
        ("lead.created", {"fields": {"Colors": []}}, ("fields", "Colors")),
    ],
)
def test_an_empty_list_stays_a_list_elsewhere(
    event_type: str, change: dict[str, Any], path: tuple[str, ...]
) -> None:
    loaded = load(envelope(event_type, SAMPLES.get(event_type, {}) | change))
    read = parse_payload(loaded.payload)["data"]
    for name in path:
        read = read[name]
    assert read == []
