"""WordPress: tells the site that sent an event what became of it, signed with the site's own keys.

The plugin there checks the signature and hands the result to whatever the site has hooked to it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from relay.destinations.base import ConfigSchema, Kind, Message, Rule, TargetField
from relay.destinations.envelope import headers_of
from relay.destinations.outcomes.http import classify
from relay.destinations.outcomes.known_errors import ErrorAction, KnownError
from relay.errors import Undeliverable
from relay.event_types import TEST
from relay.rules.lifecycle import Accepted, Refused, Signal
from relay.transport.request import OutboundRequest, Reply

ROUTE = "/?rest_route=/relay-connector/v1/callback"
PLUGIN = (
    "Update the plugin Relay Connector on that site and see that it is active, then send again."
)
# Never a pause: one site's trouble is not another's.
ERRORS: dict[str, KnownError] = {
    "rest_no_route": KnownError(
        ErrorAction.FIX,
        "no_plugin",
        f"The site does not know Relay's plugin, or an old one. {PLUGIN}",
    ),
    "rest_disabled": KnownError(
        ErrorAction.FIX,
        "rest_disabled",
        "The site has switched off the interface that plugins are called by (the REST API). Allow it "
        "for Relay Connector, then send again.",
    ),
    "rest_login_required": KnownError(
        ErrorAction.FIX,
        "rest_disabled",
        "The site lets only signed-in people use the interface that plugins are called by (the REST "
        "API). Allow it for Relay Connector, then send again.",
    ),
    "relay_connector_unknown_event": KnownError(
        ErrorAction.FIX,
        "unknown_event",
        "The site does not remember this event: its plugin has forgotten it or was set up anew since, "
        "or this is a copy of the site. Nothing is left to do for this one; discard it.",
    ),
    "relay_connector_invalid_body": KnownError(
        ErrorAction.FIX,
        "invalid_body",
        f"The site's plugin does not understand the result. {PLUGIN}",
    ),
    "relay_connector_too_large": KnownError(
        ErrorAction.FIX,
        "too_large",
        "The result is larger than the site takes (256 KB). Send fewer or shorter fields, then send "
        "again.",
    ),
}
STATUSES: dict[int, KnownError] = {
    401: KnownError(
        ErrorAction.FIX,
        "bad_signature",
        "The site does not accept Relay's signature. Check that its plugin has a signing key that holds "
        "and that its clock is right, then send again.",
    ),
    403: KnownError(
        ErrorAction.FIX,
        "forbidden",
        "Something on the site, such as a firewall, does not let Relay in. Allow it, then send again.",
    ),
    404: ERRORS["rest_no_route"],
    410: KnownError(ErrorAction.FIX, "closed", "The site is closed for good."),
}


class WordPress(Kind):
    slug = "wordpress"
    name = "WordPress"
    tagline = "Tells the site that sent an event what became of it."
    icon = "brand-wordpress"
    signs_for_site = True
    open_fields = True
    duplicate_note = "The site's plugin knows the delivery by its number and acts on it once."
    schema = ConfigSchema()

    def targets(
        self, config: Mapping[str, Any], account: Mapping[str, Any]
    ) -> tuple[TargetField, ...]:
        return (
            TargetField("id", "Id on your site", help="Of the comment, order or lead."),
            TargetField(
                "summary", "Summary", "long_text", help="Kept with the comment, if your site wants."
            ),
            TargetField(
                "note", "Note", "long_text", help="For people, such as a note at an order."
            ),
            TargetField("label", "Label", help="One word that your site can act on, such as spam."),
            TargetField("score", "Score", "number"),
        )

    def default_mapping(self, config: Mapping[str, Any], event_type: str) -> dict[str, Rule]:
        note = "Relay has received it."
        if event_type == TEST:
            note = "The connection works in both directions."
        return {
            "id": {"path": ["data", "id"]},
            "summary": {"path": ["ai", "summary"]},
            "note": {"text": note},
        }

    def build(self, config: Mapping[str, Any], message: Message) -> OutboundRequest:
        key = message.site_key
        if key is None:
            raise Undeliverable(
                "no_site_key",
                "There is no active signing key of this site that Relay could sign with. Make one on "
                "the site's page.",
            )
        content: dict[str, Any] = {
            "event_id": message.event_id,
            "event": message.event_type,
            "delivery": message.key,
            "result": dict(message.mapped),
        }
        if message.is_test:
            content["test"] = True
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        moment, known = str(int(time.time())), (key.secret, *key.retiring)
        return OutboundRequest(
            "POST",
            address_of(message.site_url),
            (
                ("Content-Type", "application/json"),
                *headers_of(message),
                ("X-Relay-Timestamp", moment),
                ("X-Relay-Key-Id", key.key_id),
                ("X-Relay-Signature", " ".join(sign(one, moment, body) for one in known)),
            ),
            body,
            secrets=known,
            open_query=True,
        )

    def classify(self, reply: Reply) -> Signal:
        """The plugin answers with JSON; a page that only says 200 is the site's front, not the plugin."""
        if reply.status is None:
            return classify(reply)
        if 200 <= reply.status < 300:
            if reply.status == 204 or _json(reply) is not NOTHING:
                return Accepted()
            return Refused("not_the_plugin", f"The site answered, but not its plugin. {PLUGIN}")
        answer = _json(reply)
        word = answer.get("code") if isinstance(answer, Mapping) else None
        known = ERRORS.get(str(word)) or STATUSES.get(reply.status)
        return known.signal() if known else classify(reply)

    def action(self, config: Mapping[str, Any], event_type: str) -> str:
        return "tell the site about it through {name}"

    def summary(self, config: Mapping[str, Any]) -> str:
        return "Back to the site that sent the event"


NOTHING = object()


def _json(reply: Reply) -> Any:
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        return NOTHING


def address_of(site_url: str) -> str:
    """Where the plugin of a site listens, whatever its permalinks are."""
    parts = urlsplit(site_url)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}{ROUTE}"


def sign(secret: str, moment: str, body: bytes) -> str:
    """As the site signs what it sends: base64 of HMAC-SHA256 over the time, a dot and the raw body."""
    digest = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


KIND = WordPress()
