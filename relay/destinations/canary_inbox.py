"""The internal inbox: where canaries are delivered.  No call leaves the process.

A drain claims, sends and settles a delivery to it as any other, so a canary passes what real deliveries
pass. That it was settled is its arrival (``services/alerts/canary.py``).

This text goes to destinations: it is English (i18n: keep file).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay.destinations.base import Kind, Message
from relay.destinations.schema import ConfigSchema
from relay.transport.request import OutboundRequest, Reply


class CanaryInbox(Kind):
    slug = "canary"
    name = "Internal inbox"
    tagline = "Receives the test events that Relay sends to itself."
    icon = "inbox"
    answers_http = False
    is_internal = True
    schema = ConfigSchema()

    def build(self, config: Mapping[str, Any], message: Message) -> OutboundRequest:
        return OutboundRequest("KEEP", "canary:", (), b"")

    def send(self, request: OutboundRequest, transport: Any) -> Reply:
        return Reply(status=200)


KIND = CanaryInbox()
