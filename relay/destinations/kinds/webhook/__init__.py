"""Webhook: sends the event as JSON to any HTTPS URL.

The request is signed as in Standard Webhooks 1.0.0
(https://github.com/standard-webhooks/standard-webhooks), or has a bearer token, a user and password,
or custom headers.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from marshmallow import ValidationError, fields, validate, validates_schema

from relay.destinations.base import ConfigSchema, Kind, Message, is_reference
from relay.destinations.envelope import body_of, headers_of
from relay.errors import Undeliverable
from relay.rules.on_status import Choices, StatusAction
from relay.transport.request import OutboundRequest

SIGNED, BEARER, BASIC, HEADERS, NONE = "signature", "bearer", "basic", "headers", "none"
SECRET_FIELDS = {
    SIGNED: "signing_secret",
    BEARER: "token",
    BASIC: "password",
    HEADERS: "own_headers",
}


def signing_keys(text: str) -> list[bytes]:
    """The raw keys of ``whsec_`` secrets, newest first.  Raises ValueError."""
    keys = []
    for part in text.split():
        try:
            key = base64.b64decode(part.removeprefix("whsec_"), validate=True)
        except binascii.Error as exc:
            raise ValueError("not base64") from exc
        if not 24 <= len(key) <= 64:
            raise ValueError("24 to 64 bytes")
        keys.append(key)
    return keys


def own_headers(text: str) -> list[tuple[str, str]]:
    """Parse lines of ``Name: value``.  Raises ValueError."""
    pairs = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, colon, value = line.partition(":")
        if not colon or not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name.strip()):
            raise ValueError(line)
        pairs.append((name.strip(), value.strip()))
    return pairs


class WebhookSchema(ConfigSchema):
    url = fields.String(
        required=True,
        error_messages={"required": "Enter the URL that receives the messages."},
        metadata={
            "label": "URL",
            "widget": "url",
            "placeholder": "https://example.com/hooks/relay",
            "help": "Relay sends each event to this URL, as an HTTPS POST with a JSON body.",
        },
    )
    auth = fields.String(
        load_default=SIGNED,
        validate=validate.OneOf([SIGNED, BEARER, BASIC, HEADERS, NONE]),
        metadata={
            "label": "Authentication",
            "widget": "select",
            "choices": [
                (SIGNED, "Signature (Standard Webhooks, recommended)"),
                (BEARER, "Bearer token"),
                (BASIC, "User and password"),
                (HEADERS, "Custom headers"),
                (NONE, "None"),
            ],
            "help": "Ask the operator of the receiving system which of these it checks.",
        },
    )
    signing_secret = fields.String(
        metadata={
            "label": "Signing secret",
            "secret": True,
            "placeholder": "whsec_…",
            "help": "From the receiving system; it starts with whsec_. While you rotate it there, "
            "enter the new and the old secret, separated by a space.",
            "shown_if": {"auth": SIGNED},
        }
    )
    token = fields.String(metadata={"label": "Token", "secret": True, "shown_if": {"auth": BEARER}})
    user = fields.String(metadata={"label": "User", "shown_if": {"auth": BASIC}})
    password = fields.String(
        metadata={"label": "Password", "secret": True, "shown_if": {"auth": BASIC}}
    )
    own_headers = fields.String(
        metadata={
            "label": "Headers",
            "secret": True,
            "widget": "textarea",
            "placeholder": "X-Api-Key: …",
            "help": "One per line, as Name: value.",
            "shown_if": {"auth": HEADERS},
        }
    )

    @validates_schema
    def check_secret(self, data: dict[str, Any], **_: Any) -> None:
        """The chosen authentication needs a valid secret.  A reference is resolved only on sending."""
        name = SECRET_FIELDS.get(data.get("auth", SIGNED))
        if name is None:
            return
        value = data.get(name, "")
        if not value:
            raise ValidationError("The authentication that you chose above requires this.", name)
        if is_reference(value):
            return
        checks: dict[str, tuple[Callable[[str], Any], str]] = {
            "signing_secret": (
                signing_keys,
                "A signing secret is whsec_ followed by 32 to 88 characters of base64.",
            ),
            "own_headers": (own_headers, "Enter one header per line, as Name: value."),
        }
        if name in checks:
            check, sentence = checks[name]
            try:
                check(value)
            except ValueError as exc:
                raise ValidationError(sentence, name) from exc


class Webhook(Kind):
    slug = "webhook"
    name = "Webhook"
    tagline = "Sends each event as JSON to a URL of your choice."
    icon = "webhook"
    open_fields = True
    # A deploy or a firewall answers like this for a while; after an hour it is a mistake.
    on_status: ClassVar[Choices] = dict.fromkeys(
        ("403", "404", "405", "409", "423"), StatusAction.FIRST_HOUR
    )
    schema = WebhookSchema()
    example_config = {"url": "https://example.com/hooks/relay?key=example-query", "auth": BEARER}
    example_secrets = {"token": "example-bearer-token"}

    def build(self, config: Mapping[str, Any], message: Message) -> OutboundRequest:
        body = body_of(message)
        extra, secrets = self.credentials(config, message, body)
        query = [value for _, value in parse_qsl(urlsplit(config["url"]).query)]
        return OutboundRequest(
            "POST",
            config["url"],
            (("Content-Type", "application/json"), *headers_of(message), *extra),
            body,
            secrets=(*secrets, *(value for value in query if len(value) >= 8)),
        )

    def credentials(
        self, config: Mapping[str, Any], message: Message, body: bytes
    ) -> tuple[list[tuple[str, str]], list[str]]:
        """-> the headers for authentication, and the values to mask.  Raises Undeliverable."""
        auth = config.get("auth", SIGNED)
        secret = config.get(SECRET_FIELDS.get(auth, ""), "")
        if auth == NONE:
            return [], []
        if auth == BEARER:
            return [("Authorization", f"Bearer {secret}")], [secret]
        if auth == BASIC:
            pair = f"{config.get('user', '')}:{secret}"
            return [("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())], [
                secret,
                pair,
            ]
        try:
            if auth == HEADERS:
                pairs = own_headers(secret)
                return pairs, [value for _, value in pairs]
            return sign(signing_keys(secret), message.key, int(time.time()), body), secret.split()
        except ValueError as exc:
            raise Undeliverable(
                "bad_credentials",
                "The destination's secret is not valid. Enter it again in the settings.",
            ) from exc

    def summary(self, config: Mapping[str, Any]) -> str:
        return urlsplit(config.get("url", "")).netloc or self.name


def sign(keys: list[bytes], message_id: str, now: int, body: bytes) -> list[tuple[str, str]]:
    """The three headers of Standard Webhooks, with one signature for each key."""
    content = f"{message_id}.{now}.".encode() + body
    signatures = (
        "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        for key in keys
    )
    return [
        ("webhook-id", message_id),
        ("webhook-timestamp", str(now)),
        ("webhook-signature", " ".join(signatures)),
    ]


KIND = Webhook()
