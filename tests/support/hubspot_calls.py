"""Deliveries to the fake HubSpot, without a database."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

from relay.delivery.message import apply_mapping
from relay.destinations import KINDS
from relay.destinations.base import Message, MessageResult
from relay.destinations.loading import load_config
from relay.event_types import SAMPLES
from relay.transport.client import Transport
from tests.support.fake_hubspot import TOKEN, FakeHubSpot
from tests.support.kind_contract import message

KIND = KINDS["hubspot"]


def config(hubspot: FakeHubSpot | None = None, **values: Any) -> dict[str, Any]:
    base = {"base_url": hubspot.url, "forms_url": hubspot.url} if hubspot else {}
    opened = (ipaddress.ip_network("127.0.0.0/8"),)
    plain, secrets = load_config(KIND, {"token": TOKEN, **base, **values}, {}, opened)
    return plain | secrets


def event(
    settings: dict[str, Any],
    event_type: str,
    n: int = 1,
    data: Any = None,
    rules: Any = None,
    **changes: Any,
) -> Message:
    """A message with these rules, or the default mapping.  ``n`` distinguishes deliveries."""
    one = message(
        event_type=event_type,
        event_id=f"evt-{n}",
        key=f"{n:032d}",
        data=data or SAMPLES[event_type],
        **changes,
    )
    return apply_mapping(KIND, settings, one, rules)


def deliver(settings: dict[str, Any], *messages: Message) -> list[MessageResult]:
    transport = Transport((ipaddress.ip_network("127.0.0.0/8"),))
    try:
        return KIND.deliver(settings, messages, lambda request: KIND.send(request, transport))
    finally:
        transport.close()


def lead(n: int, email: str = "", **more: Any) -> dict[str, Any]:
    email = email or f"person{n}@example.com"
    return {"form": {"title": "Contact"}, "fields": {"E-mail": email, "Name": f"P {n}", **more}}


def with_account(hubspot: FakeHubSpot, **values: Any) -> dict[str, Any]:
    settings = config(hubspot, **values)
    transport = Transport((ipaddress.ip_network("127.0.0.0/8"),))
    account = KIND.read_account(settings, lambda request: KIND.send(request, transport))
    transport.close()
    return settings | {"account": json.loads(json.dumps(account))}
