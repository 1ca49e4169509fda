"""The headers of every call, and the content of destinations without a format of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from relay import exact_json
from relay.destinations.base import Message

USER_AGENT = "Relay/1.0"
OPTIONAL = ("occurred_at", "revision", "timezone", "locale")  # what a site may send beside ``data``


def headers_of(message: Message) -> tuple[tuple[str, str], ...]:
    """The headers of every call: the client, the ids of attempt and event, the idempotency key."""
    return (
        ("User-Agent", USER_AGENT),
        ("X-Request-Id", message.attempt_key),
        ("X-Correlation-Id", message.event_id),
        ("Idempotency-Key", message.key),
        ("traceparent", message.traceparent),
    )


def body_of(message: Message) -> bytes:
    """The event as JSON, or the object of the mapping.  The same bytes on every attempt."""
    return exact_json.dumps(content_of(message)).encode()


def content_of(message: Message) -> dict[str, Any]:
    """What a destination without a format of its own gets: the mapping's object, or the event."""
    body = nested(message.mapped) if message.mapped else _event_of(message)
    if message.is_test:
        body["test"] = True
    return body


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Named values as one object; the last one wins.

    ``customer.email`` goes into the object ``customer``.  ``tags[]`` is a list.  ``items[].name`` goes
    into the objects of a list: of a list of values each goes into the object at its place, another
    value goes into all of them.
    """
    body: dict[str, Any] = {}
    in_all = {}
    for name, value in values.items():
        if "[]." in name and not isinstance(value, list):
            in_all[name] = value
        else:
            _put(body, name.split("."), value)
    for name, value in in_all.items():
        _put(body, name.split("."), value)
    return body


def _put(target: dict[str, Any], path: Sequence[str], value: Any) -> None:
    part, *rest = path
    name, is_list = part.removesuffix("[]"), part.endswith("[]")
    if is_list and rest:
        target[name] = _spread(target.get(name), rest, value)
    elif is_list:
        target[name] = value if isinstance(value, list) else [] if value is None else [value]
    elif rest:
        if not isinstance(target.get(name), dict):
            target[name] = {}
        _put(target[name], rest, value)
    else:
        target[name] = value


def _spread(before: Any, path: Sequence[str], value: Any) -> list[dict[str, Any]]:
    """The objects of a list, with a value at ``path`` of each."""
    objects = (
        before if isinstance(before, list) and all(isinstance(o, dict) for o in before) else []
    )
    if isinstance(value, list):
        objects += [{} for _ in value[len(objects) :]]
        values = value
    else:
        objects += [] if objects or value is None else [{}]
        values = [value] * len(objects)
    for one, inner in zip(objects, values, strict=False):
        _put(one, path, inner)
    return objects


def form_pairs(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """An object as form fields: ``a[b]`` for the member of an object, ``a[0]`` for one of a list."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from form_pairs(inner, f"{name}[{key}]" if name else str(key))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from form_pairs(inner, f"{name}[{number}]")
    else:
        yield name, form_text(value)


def form_text(value: Any) -> str:
    """A value in a form: numbers as they were written, true and false, nothing for null."""
    if value is None:
        return ""
    return value if isinstance(value, str) else exact_json.dumps(value)


def _event_of(message: Message) -> dict[str, Any]:
    body = {
        "event": message.event_type,
        "event_id": message.event_id,
        "site": message.payload.get("site", message.site_url),
        "source": message.site_name,
        "received_at": message.received_at.isoformat(timespec="milliseconds").replace(
            "+00:00", "Z"
        ),
    }
    body |= {name: message.payload[name] for name in OPTIONAL if name in message.payload}
    body["data"] = message.data
    return body | {"ai": message.ai} if message.ai else body
