"""Inbox: stores messages in Relay and sends them nowhere.  For trials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay.destinations.base import Kind, Message
from relay.destinations.envelope import body_of, headers_of
from relay.destinations.schema import ConfigSchema
from relay.i18n import N_, _
from relay.transport.request import OutboundRequest, Reply


class Inbox(Kind):
    slug = "inbox"
    name = N_("Inbox")
    tagline = N_("Stores every message in Relay, so you can see what Relay would send.")
    icon = "inbox"
    stores_locally = True
    answers_http = False
    open_fields = True
    duplicate_note = N_("A message that arrived before is stored again.")
    schema = ConfigSchema()

    def build(self, config: Mapping[str, Any], message: Message) -> OutboundRequest:
        headers = (("Content-Type", "application/json"), *headers_of(message))
        return OutboundRequest("KEEP", "inbox:", headers, body_of(message))

    def send(self, request: OutboundRequest, transport: Any) -> Reply:
        """Sends nothing.  The recorded attempt is the message in the inbox."""
        return Reply(status=200, body=b"kept")

    def action(self, config: Mapping[str, Any], event_type: str) -> str:
        return N_("store it in {name}")

    def summary(self, config: Mapping[str, Any]) -> str:
        return _("Stored in Relay, sent nowhere")


KIND = Inbox()
