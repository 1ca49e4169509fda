"""HubSpot's API: its URLs by version, the headers, and the part of a call for one delivery.

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

MAX_REPLY_BYTES = 4 * 1024 * 1024  # enough for all properties of an account with their options
V3_PATHS = {
    "upsert": "/crm/v3/objects/{0}/batch/upsert",
    "associate": "/crm/v4/associations/{0}/{1}/batch/associate/default",
    "properties": "/crm/v3/properties/{0}",
    "pipelines": "/crm/v3/pipelines/{0}",
    "details": "/account-info/v3/details",
}
DATED_PATHS = {
    "upsert": "/crm/objects/{version}/{0}/batch/upsert",
    "associate": "/crm/associations/{version}/{0}/{1}/batch/associate/default",
    "properties": "/crm/properties/{version}/{0}",
    "pipelines": "/crm/pipelines/{version}/{0}",
    "details": "/account-info/{version}/details",
}


def url(config: Mapping[str, Any], what: str, *names: str) -> str:
    """The URL of an API method, in the version of the settings."""
    version = config.get("api_version", "2026-03")
    path = (V3_PATHS if version == "v3" else DATED_PATHS)[what].format(*names, version=version)
    return str(config.get("base_url", "https://api.hubapi.com")).rstrip("/") + path


def request(
    config: Mapping[str, Any], method: str, address: str, body: Any, message: Message | None
) -> OutboundRequest:
    """A request with the account's token."""
    token = str(config["token"])
    headers = headers_of(message) if message else (("User-Agent", USER_AGENT),)
    return OutboundRequest(
        method,
        address,
        (
            ("Authorization", f"Bearer {token}"),  # i18n: keep
            *((("Content-Type", "application/json"),) if body is not None else ()),
            *headers,
        ),
        b"" if body is None else json.dumps(body, ensure_ascii=False).encode(),
        secrets=(token,),
        max_reply_bytes=MAX_REPLY_BYTES,
    )


@dataclass(frozen=True)
class Api:
    """A client of one account, for the calls of one delivery or batch."""

    config: Mapping[str, Any]
    send: Send

    @property
    def account(self) -> Mapping[str, Any]:
        account: Mapping[str, Any] = self.config.get("account") or {}
        return account

    def get(self, what: str, *names: str, message: Message | None = None) -> Call:
        get = request(self.config, "GET", url(self.config, what, *names), None, message)
        return Call(get, self.send(get))

    def post(self, address: str, body: Any, message: Message) -> Call:
        post = request(self.config, "POST", address, body, message)
        return Call(post, self.send(post))


def part_of(call: Call, sent: Any, received: Any, together: int) -> Call:
    """The part of a batch call for one delivery: only its own input and its own result.

    ``received`` is None if the response has no result for it; the whole response is kept then.
    """
    if together == 1:
        return call
    body = json.dumps({"inputs": [sent]}, ensure_ascii=False).encode()
    reply: Reply = call.reply
    if received is not None:
        reply = replace(reply, body=json.dumps(received, ensure_ascii=False).encode())
    return Call(replace(call.request, body=body), reply, together)
