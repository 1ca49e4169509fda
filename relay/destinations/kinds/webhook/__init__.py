"""Webhook: sends the event to any HTTPS URL, as JSON, as form fields or as a JSON text of one's own.

The request is signed as in Standard Webhooks 1.0.0
(https://github.com/standard-webhooks/standard-webhooks), or has a bearer token, a user and password,
a token from OAuth 2.0 client credentials, or custom headers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from relay import exact_json
from relay.destinations.base import (
    AccessResult,
    Call,
    Kind,
    Message,
    MessageResult,
    Send,
    SettingText,
    TextStyle,
)
from relay.destinations.client_credentials import (
    AccessToken,
    ClientCredentials,
    TokenCache,
    read_token,
)
from relay.destinations.envelope import content_of, form_pairs, headers_of
from relay.destinations.kinds.webhook.settings import (
    BASIC,
    BEARER,
    EMPTY,
    FORM,
    HEADERS,
    JSON,
    JSON_TEXT,
    NONE,
    OAUTH,
    SECRET_FIELDS,
    SIGNED,
    WebhookSchema,
    new_signing_secret,
    own_headers,
    query_pairs,
    signing_keys,
)
from relay.errors import Undeliverable
from relay.i18n import N_, _
from relay.rules.lifecycle import Accepted
from relay.rules.on_status import Choices, StatusAction
from relay.transport.request import OutboundRequest

NO_TOKEN_YET = "(access token)"  # noqa: S105 - what a preview shows
TOKENS = TokenCache()
UNUSED_MAPPING = {
    JSON_TEXT: N_("This destination sends the JSON text in its settings, so it uses no mapping."),
    EMPTY: N_("This destination sends requests without content, so it uses no mapping."),
}


class Webhook(Kind):
    slug = "webhook"
    name = "Webhook"
    tagline = N_("Sends each event to a URL of your choice.")
    icon = "webhook"
    open_fields = True
    # A deploy or a firewall answers like this for a while; after an hour it is a mistake.
    on_status: ClassVar[Choices] = dict.fromkeys(
        ("403", "404", "405", "409", "423"), StatusAction.FIRST_HOUR
    )
    schema = WebhookSchema()
    example_config = {
        "url": "https://example.com/hooks/relay",
        "method": "POST",
        "content": JSON,
        "auth": BEARER,
        "query": "source=relay",
    }
    example_secrets = {"token": "example-bearer-token"}

    def new_secrets(self, values: Mapping[str, Any]) -> dict[str, str]:
        name = SECRET_FIELDS[SIGNED]
        if values.get("auth", SIGNED) != SIGNED or values.get(name):
            return {}
        return {name: new_signing_secret()}

    def unused_mapping(self, config: Mapping[str, Any]) -> str:
        return UNUSED_MAPPING.get(config.get("content", JSON), "")

    def setting_texts(self, config: Mapping[str, Any]) -> tuple[SettingText, ...]:
        found = []
        if config.get("content") == JSON_TEXT:
            found.append(SettingText("json_text", (config.get("json_text", ""),), TextStyle.JSON))
        if path := config.get("path"):
            found.append(SettingText("path", (path,), TextStyle.PATH))
        for name, pairs in (("query", query_pairs), ("extra_headers", own_headers)):
            text = config.get(name)
            if text and (lines := pairs(text)):
                found.append(SettingText(name, tuple(value for _, value in lines)))
        return tuple(found)

    def build(self, config: Mapping[str, Any], message: Message) -> OutboundRequest:
        content_type, body = self.body(config, message)
        extra, secrets = self.credentials(config, message, body)
        query = [value for _, value in parse_qsl(urlsplit(config["url"]).query)]
        headers = [("Content-Type", content_type)] if content_type else []
        url, own = url_of(config, message), extra_headers(config, message)
        return OutboundRequest(
            config.get("method", "POST"),
            url,
            (*headers, *headers_of(message), *own, *extra),
            body,
            secrets=(*secrets, *(value for value in query if len(value) >= 8)),
            ca_pem=config.get("ca_pem") or "",
        )

    def body(self, config: Mapping[str, Any], message: Message) -> tuple[str, bytes]:
        """-> its content type and its bytes, both empty for a request without content"""
        content = config.get("content", JSON)
        if content == EMPTY:
            return "", b""
        if content == JSON_TEXT:
            (text,) = message.texts["json_text"]
            return "application/json", text.encode()
        if content == FORM:
            pairs = urlencode(list(form_pairs(content_of(message))))
            return "application/x-www-form-urlencoded", pairs.encode()
        return "application/json", exact_json.dumps(content_of(message)).encode()

    def credentials(
        self, config: Mapping[str, Any], message: Message, body: bytes
    ) -> tuple[list[tuple[str, str]], list[str]]:
        """-> the headers for authentication, and the values to mask.  Raises Undeliverable."""
        auth = config.get("auth", SIGNED)
        secret = config.get(SECRET_FIELDS.get(auth, ""), "")
        if auth == NONE:
            return [], []
        if auth == OAUTH:
            return [("Authorization", f"Bearer {NO_TOKEN_YET}")], [secret]  # i18n: keep
        if auth == BEARER:
            return [("Authorization", f"Bearer {secret}")], [secret]  # i18n: keep
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
                _("The destination's secret is not valid. Enter it again in the settings."),
            ) from exc

    def deliver(
        self, config: Mapping[str, Any], messages: Sequence[Message], send: Send
    ) -> list[MessageResult]:
        if config.get("auth") != OAUTH:
            return super().deliver(config, messages, send)
        return [self.deliver_with_token(config, message, send) for message in messages]

    def deliver_with_token(
        self, config: Mapping[str, Any], message: Message, send: Send
    ) -> MessageResult:
        """Send a message with an access token.  After a 401 the token is renewed once.

        A 401 means that the message was not taken, so it is safe to send it again at once.
        """
        credentials, request = client_of(config), self.build(config, message)
        calls: list[Call] = []
        refused = ""
        while True:
            token = TOKENS.token(credentials, send, calls, refused)
            if not isinstance(token, AccessToken):
                return MessageResult(token, tuple(calls), by_status=False)
            authorized = with_token(request, token)
            reply = send(authorized)
            calls.append(Call(authorized, reply))
            if reply.status != 401 or refused:
                return MessageResult(self.classify(reply), tuple(calls))
            refused = token.value

    def has_access_check(self, config: Mapping[str, Any]) -> bool:
        """Only the token URL of OAuth can be asked without sending an event."""
        return config.get("auth") == OAUTH

    def check_access(self, config: Mapping[str, Any], send: Send) -> AccessResult:
        credentials = client_of(config)
        found = read_token(send(credentials.request()), credentials)
        if not isinstance(found, AccessToken):
            return AccessResult(found)
        return AccessResult(
            Accepted(),
            _("%(host)s gave an access token.", host=urlsplit(credentials.token_url).netloc),
        )

    def summary(self, config: Mapping[str, Any]) -> str:
        where = urlsplit(config.get("url", "")).netloc or self.name
        method = config.get("method", "POST")
        return where if method == "POST" else f"{method} {where}"


def client_of(config: Mapping[str, Any]) -> ClientCredentials:
    return ClientCredentials(
        config["token_url"],
        config["client_id"],
        config.get("client_secret", ""),
        " ".join((config.get("scope") or "").split()),
        config.get("audience") or "",
        config.get("client_login") == "body",
        config.get("ca_pem") or "",
    )


def with_token(request: OutboundRequest, token: AccessToken) -> OutboundRequest:
    headers = [(name, value) for name, value in request.headers if name != "Authorization"]
    return replace(
        request,
        headers=(*headers, ("Authorization", f"Bearer {token.value}")),  # i18n: keep
        secrets=(*request.secrets, token.value),
    )


def url_of(config: Mapping[str, Any], message: Message) -> str:
    """The URL with the path and the query parameters of the settings.  Raises Undeliverable."""
    url = str(config["url"])
    if config.get("path"):
        (path,) = message.texts["path"]
        path = quote(path, safe="/%:@!$&'()*+,;=~-._")
        if any(part in (".", "..") for part in path.split("/")):
            raise Undeliverable(
                "bad_path",
                _(
                    "The path after the URL would lead to another place: a value in it is . or .. only. "
                    "Change the path in the settings."
                ),
            )
        url = f"{url.rstrip('/')}/{path.lstrip('/')}"
    lines = config.get("query")
    names = [name for name, _ in query_pairs(lines)] if lines else []
    if names:
        pairs = urlencode(list(zip(names, message.texts["query"], strict=True)))
        url += f"{'&' if urlsplit(url).query else '?'}{pairs}"
    return url


def extra_headers(config: Mapping[str, Any], message: Message) -> list[tuple[str, str]]:
    """The headers of the settings.

    A header is one line of ASCII (RFC 9110, section 5.5): line breaks become spaces, and other
    characters are percent-encoded, so that a visitor's text never makes a delivery fail.
    """
    lines = config.get("extra_headers")
    names = [name for name, _ in own_headers(lines)] if lines else []
    values = message.texts["extra_headers"] if names else ()
    return [
        (name, quote(" ".join(value.split()), safe=PRINTABLE))
        for name, value in zip(names, values, strict=True)
    ]


PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


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
