"""Inbox: keeps what it would have sent, so that people can try things out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay.destinations.base import ConfigSchema, Kind, Message
from relay.destinations.envelope import body_of, headers_of
from relay.transport.request import OutboundRequest, Reply


class Inbox(Kind):
    slug = "inbox"
    name = "Inbox"
    tagline = "Keeps every message here in Relay, to see what would be sent."
    icon = "inbox"
    stores_locally = True
    open_fields = True
    duplicate_note = "It is kept once more."
    schema = ConfigSchema()

    def build(self, config: Mapping[str, Any], message: Message) -> OutboundRequest:
        headers = (("Content-Type", "application/json"), *headers_of(message))
        return OutboundRequest("KEEP", "inbox:", headers, body_of(message))

    def send(self, request: OutboundRequest, transport: Any) -> Reply:
        """No network: the attempt's own record is the inbox."""
        return Reply(status=200, body=b"kept")

    def action(self, config: Mapping[str, Any], event_type: str) -> str:
        return "keep it in {name}"

    def summary(self, config: Mapping[str, Any]) -> str:
        return "Kept here, sent nowhere"


KIND = Inbox()
