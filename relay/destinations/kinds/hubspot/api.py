"""How HubSpot is spoken to: addresses by version, headers, and each call as its part for one delivery.

Source: https://developers.hubspot.com/docs/api-reference (dated paths and the older v3 and v4 ones).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from relay.destinations.base import Call, Message, Send
from relay.destinations.envelope import USER_AGENT, headers_of
from relay.transport.request import OutboundRequest, Reply

ANSWER_BYTES = 4 * 1024 * 1024  # an account's list of fields, with all their choices
OLD = {
    "upsert": "/crm/v3/objects/{0}/batch/upsert",
    "associate": "/crm/v4/associations/{0}/{1}/batch/associate/default",
    "properties": "/crm/v3/properties/{0}",
    "pipelines": "/crm/v3/pipelines/{0}",
    "details": "/account-info/v3/details",
}
DATED = {
    "upsert": "/crm/objects/{version}/{0}/batch/upsert",
    "associate": "/crm/associations/{version}/{0}/{1}/batch/associate/default",
    "properties": "/crm/properties/{version}/{0}",
    "pipelines": "/crm/pipelines/{version}/{0}",
    "details": "/account-info/{version}/details",
}


def url(config: Mapping[str, Any], what: str, *names: str) -> str:
    """The address of one of HubSpot's calls, in the version that the settings name."""
    version = config.get("api_version", "2026-03")
    path = (OLD if version == "v3" else DATED)[what].format(*names, version=version)
    return str(config.get("base_url", "https://api.hubapi.com")).rstrip("/") + path


def request(
    config: Mapping[str, Any], method: str, address: str, body: Any, message: Message | None
) -> OutboundRequest:
    """One call with the account's token."""
    token = str(config["token"])
    own = headers_of(message) if message else (("User-Agent", USER_AGENT),)
    return OutboundRequest(
        method,
        address,
        (
            ("Authorization", f"Bearer {token}"),
            *((("Content-Type", "application/json"),) if body is not None else ()),
            *own,
        ),
        b"" if body is None else json.dumps(body, ensure_ascii=False).encode(),
        secrets=(token,),
        most_bytes=ANSWER_BYTES,
    )


@dataclass(frozen=True)
class Api:
    """One account, for the calls of one delivery or batch."""

    config: Mapping[str, Any]
    send: Send

    @property
    def account(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.config.get("account") or {}
        return found

    def get(self, what: str, *names: str, message: Message | None = None) -> Call:
        asked = request(self.config, "GET", url(self.config, what, *names), None, message)
        return Call(asked, self.send(asked))

    def post(self, address: str, body: Any, message: Message) -> Call:
        asked = request(self.config, "POST", address, body, message)
        return Call(asked, self.send(asked))


def share(call: Call, sent: Any, came: Any, together: int) -> Call:
    """A call for many as it concerns one: only its own part of what was sent and of what came back."""
    if together == 1:
        return call
    part = json.dumps({"inputs": [sent]}, ensure_ascii=False).encode()
    reply: Reply = call.reply
    if came is not None:
        reply = replace(reply, body=json.dumps(came, ensure_ascii=False).encode())
    return Call(replace(call.request, body=part), reply, together)
