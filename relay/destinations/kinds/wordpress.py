"""WordPress: sends the result back to the site of the event, signed with the site's own keys.

The plugin there verifies the signature and passes the result to the site's hooks.
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

from relay import exact_json
from relay.destinations.base import Kind, Message, Rule, TargetField
from relay.destinations.envelope import headers_of
from relay.destinations.outcomes.http import classify
from relay.destinations.outcomes.known_errors import ErrorAction, KnownError
from relay.destinations.schema import ConfigSchema
from relay.errors import Undeliverable
from relay.event_types import TEST
from relay.i18n import N_, _
from relay.rules.changes import OlderChange
from relay.rules.lifecycle import Accepted, Refused, Signal
from relay.transport.request import OutboundRequest, Reply

ROUTE = "/?rest_route=/relay-connector/v1/callback"
PLUGIN = N_(
    "Check that the plugin Relay Connector is active and up to date on that site. Then replay the "
    "delivery."
)
# These errors never pause the destination: an error of one site must not stop the other sites.
ERRORS: dict[str, KnownError] = {
    "rest_no_route": KnownError(
        ErrorAction.FIX,
        "no_plugin",
        " ".join((N_("The site does not have Relay's plugin, or an old version."), PLUGIN)),
    ),
    "rest_disabled": KnownError(
        ErrorAction.FIX,
        "rest_disabled",
        N_(
            "The REST API of the site is turned off. Allow it for Relay Connector, then replay the "
            "delivery."
        ),
    ),
    "rest_login_required": KnownError(
        ErrorAction.FIX,
        "rest_disabled",
        N_(
            "The REST API of the site requires a login. Allow it for Relay Connector without one, then "
            "replay the delivery."
        ),
    ),
    "relay_connector_unknown_event": KnownError(
        ErrorAction.FIX,
        "unknown_event",
        N_(
            "The site does not know this event: its plugin has deleted the record or was reinstalled, or "
            "the site is a copy. Discard the delivery."
        ),
    ),
    "relay_connector_invalid_body": KnownError(
        ErrorAction.FIX,
        "invalid_body",
        " ".join((N_("The site's plugin does not accept the result."), PLUGIN)),
    ),
    "relay_connector_too_large": KnownError(
        ErrorAction.FIX,
        "too_large",
        N_(
            "The result is larger than 256 KB, the site's limit. Map fewer or shorter fields, then replay "
            "the delivery."
        ),
    ),
}
STATUSES: dict[int, KnownError] = {
    401: KnownError(
        ErrorAction.FIX,
        "bad_signature",
        N_(
            "The site does not accept Relay's signature. Check that its plugin has a valid signing key and "
            "that its clock is correct. Then replay the delivery."
        ),
    ),
    403: KnownError(
        ErrorAction.FIX,
        "forbidden",
        N_(
            "The site blocks Relay, for example with a firewall. Allow Relay there, then replay the "
            "delivery."
        ),
    ),
    404: ERRORS["rest_no_route"],
    410: KnownError(
        ErrorAction.FIX, "closed", N_("The site was permanently closed. Discard the delivery.")
    ),
}


class WordPress(Kind):
    slug = "wordpress"
    name = "WordPress"
    tagline = N_("Sends the result of an event back to the site that sent it.")
    icon = "brand-wordpress"
    signs_for_site = True
    open_fields = True
    duplicate_note = N_(
        "The site's plugin recognizes the delivery by its id and processes it once."
    )
    schema = ConfigSchema()

    def targets(
        self, config: Mapping[str, Any], account: Mapping[str, Any]
    ) -> tuple[TargetField, ...]:
        return (
            TargetField(
                "id",
                N_("ID on your site"),
                help=N_("The ID of the comment, the order or the lead."),
            ),
            TargetField(
                "summary",
                N_("Summary"),
                "long_text",
                help=N_("Your site can store it with the comment."),
            ),
            TargetField(
                "note",
                N_("Note"),
                "long_text",
                help=N_("A text for people, such as an order note."),
            ),
            TargetField(
                "label", N_("Label"), help=N_("One word that your site can use, such as spam.")
            ),
            TargetField("score", N_("Score"), "number"),
        )

    def default_mapping(self, config: Mapping[str, Any], event_type: str) -> dict[str, Rule]:
        note = "Relay has received it."  # i18n: keep
        if event_type == TEST:
            note = "The connection works in both directions."  # i18n: keep
        return {
            "id": {"path": ["data", "id"]},
            "summary": {"path": ["ai", "summary"]},
            "note": {"text": note},
        }

    def older_changes(self, config: Mapping[str, Any]) -> OlderChange:
        """The site never gets the result of an older change after that of a newer one."""
        return OlderChange.SKIP

    def build(self, config: Mapping[str, Any], message: Message) -> OutboundRequest:
        key = message.site_key
        if key is None:
            raise Undeliverable(
                "no_site_key",
                _(
                    "This site has no active signing key that Relay can sign with. Create one on the "
                    "site's page. A site without Relay's plugin cannot take results: discard the delivery."
                ),
            )
        content: dict[str, Any] = {
            "event_id": message.event_id,
            "event": message.event_type,
            "delivery": message.key,
            "result": dict(message.mapped),
        }
        if message.is_test:
            content["test"] = True
        body = exact_json.dumps(content).encode()
        timestamp, secrets = str(int(time.time())), (key.secret, *key.retiring)
        return OutboundRequest(
            "POST",
            address_of(message.site_url),
            (
                ("Content-Type", "application/json"),
                *headers_of(message),
                ("X-Relay-Timestamp", timestamp),
                ("X-Relay-Key-Id", key.key_id),
                (
                    "X-Relay-Signature",
                    " ".join(sign(secret, timestamp, body) for secret in secrets),
                ),
            ),
            body,
            secrets=secrets,
            open_query=True,
        )

    def classify(self, reply: Reply) -> Signal:
        """The plugin responds with JSON.  A 200 without JSON is a page of the site, not the plugin."""
        if reply.status is None:
            return classify(reply)
        if 200 <= reply.status < 300:
            if reply.status == 204 or _json(reply) is not NO_JSON:
                return Accepted()
            return Refused(
                "not_the_plugin",
                " ".join((_("The site responded, but not its plugin."), _(PLUGIN))),
            )
        body = _json(reply)
        code = body.get("code") if isinstance(body, Mapping) else None
        known = ERRORS.get(str(code)) or STATUSES.get(reply.status)
        return known.signal() if known else classify(reply)

    def action(self, config: Mapping[str, Any], event_type: str) -> str:
        return N_("send the result back to the site with {name}")

    def summary(self, config: Mapping[str, Any]) -> str:
        return _("Back to the site that sent the event")


NO_JSON = object()


def _json(reply: Reply) -> Any:
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        return NO_JSON


def address_of(site_url: str) -> str:
    """The URL of the plugin's REST route, in the form that works with any permalink setting."""
    parts = urlsplit(site_url)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}{ROUTE}"


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Base64 of HMAC-SHA256 over the timestamp, a dot and the body, as the sites sign their requests."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


KIND = WordPress()
