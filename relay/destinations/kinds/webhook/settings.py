"""The settings of a webhook, and how their lines and texts are read."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from marshmallow import ValidationError, fields, validate, validates_schema

from relay.destinations.schema import ConfigSchema
from relay.i18n import N_, _
from relay.secrets.references import is_reference
from relay.transport.client import HEADER_NAME, RESERVED_HEADERS

SIGNED, BEARER, BASIC, HEADERS, OAUTH, NONE = (
    *("signature", "bearer", "basic", "headers"),
    *("oauth2", "none"),
)
SECRET_FIELDS = {
    SIGNED: "signing_secret",
    BEARER: "token",
    BASIC: "password",
    HEADERS: "own_headers",
    OAUTH: "client_secret",
}
METHODS = ("POST", "PUT", "PATCH", "GET", "DELETE")
JSON, JSON_TEXT, FORM, EMPTY = "json", "json_text", "form", "none"
# Relay sets these, or they are secrets and belong to the authentication.
OWN_HEADERS = RESERVED_HEADERS | {
    *("idempotency-key", "x-request-id", "x-correlation-id", "traceparent"),
    *("authorization", "proxy-authorization", "cookie"),
    *("webhook-id", "webhook-timestamp", "webhook-signature"),
}
MOST_LINES, MAX_PEM = 50, 64_000
REQUEST, LOGIN = N_("Request"), N_("Access")


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


def new_signing_secret() -> str:
    """A secret of Standard Webhooks: ``whsec_`` and 32 random bytes in base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def own_headers(text: str) -> list[tuple[str, str]]:
    """Parse lines of ``Name: value``.  Raises ValueError."""
    return _pairs(text, ":", HEADER_NAME)


def query_pairs(text: str) -> list[tuple[str, str]]:
    """Parse lines of ``name=value``.  Raises ValueError."""
    return _pairs(text, "=", re.compile(r"[^\s=&#]{1,200}"))


def _pairs(text: str, sign: str, names: re.Pattern[str]) -> list[tuple[str, str]]:
    pairs = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, found, value = line.partition(sign)
        if not found or not names.fullmatch(name.strip()):
            raise ValueError(line)
        pairs.append((name.strip(), value.strip()))
    if len(pairs) > MOST_LINES:
        raise ValueError(f"more than {MOST_LINES} lines")
    return pairs


def check_certificates(pem: str) -> None:
    """Raises ValueError with a sentence unless the text has certificates, and nothing secret."""
    if "PRIVATE KEY" in pem:
        raise ValueError(
            _(
                "This contains a private key, which Relay does not need. Paste only the certificates, and "
                "consider the key as disclosed."
            )
        )
    if len(pem) > MAX_PEM:
        raise ValueError(
            _(
                "This is longer than %(most)s characters. Paste only your own CA.",
                most=f"{MAX_PEM:,}",
            )
        )
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError) as exc:
        raise ValueError(
            _(
                "This is not a certificate in PEM format. It begins with -----BEGIN CERTIFICATE----- and "
                "ends with -----END CERTIFICATE-----."
            )
        ) from exc


class WebhookSchema(ConfigSchema):
    url = fields.String(
        required=True,
        error_messages={"required": N_("Enter the URL that receives the messages.")},
        metadata={
            "label": N_("URL"),
            "widget": "url",
            "group": REQUEST,
            "placeholder": "https://example.com/hooks/relay",
            "help": N_("Relay sends each event to this URL over HTTPS."),
        },
    )
    method = fields.String(
        load_default="POST",
        validate=validate.OneOf(METHODS),
        metadata={
            "label": N_("Method"),
            "widget": "select",
            "group": REQUEST,
            "choices": [
                ("POST", N_("POST (usual)")),
                ("PUT", "PUT"),
                ("PATCH", "PATCH"),
                ("GET", "GET"),
                ("DELETE", "DELETE"),
            ],
            "help": N_("Use POST unless the receiving system asks for another method."),
        },
    )
    content = fields.String(
        load_default=JSON,
        validate=validate.OneOf([JSON, JSON_TEXT, FORM, EMPTY]),
        metadata={
            "label": N_("Content"),
            "widget": "select",
            "group": REQUEST,
            "choices": [
                (JSON, N_("JSON: the event, or the fields of the mapping")),
                (FORM, N_("Form fields: the event, or the fields of the mapping")),
                (JSON_TEXT, N_("JSON that you write yourself")),
                (EMPTY, N_("No content (usual for GET and DELETE)")),
            ],
            "help": N_(
                "Choose the fields in the mapping of the subscription, unless you write JSON yourself. Names with dots make objects: "
                "customer.email. Names with [] make lists: items[].name."
            ),
        },
    )
    json_text = fields.String(
        metadata={
            "label": N_("JSON text"),
            "widget": "headers",
            "group": REQUEST,
            "rows": 12,
            "template": True,
            "placeholder": '{"name": "{{ data.customer.name }}", "total": {{ data.total }}}',
            "help": N_(
                "Write {{ data.… }} where a value of the event goes; Relay escapes it for JSON. Put "
                "texts in quotes. For a value that may be missing, or a list, write {{ data.… | json }} "
                "without quotes. Relay checks the text with a sample of each event type before it saves it."
            ),
            "shown_if": {"content": JSON_TEXT},
        }
    )
    auth = fields.String(
        load_default=SIGNED,
        validate=validate.OneOf([*SECRET_FIELDS, NONE]),
        metadata={
            "label": N_("Authentication"),
            "widget": "select",
            "group": LOGIN,
            "choices": [
                (SIGNED, N_("Signature (Standard Webhooks, recommended)")),
                (BEARER, N_("Bearer token")),
                (BASIC, N_("User and password")),
                (OAUTH, N_("OAuth 2.0 (client ID and client secret)")),
                (HEADERS, N_("Custom headers")),
                (NONE, N_("None")),
            ],
            "help": N_("Ask the operator of the receiving system which of these it checks."),
        },
    )
    signing_secret = fields.String(
        metadata={
            "label": N_("Signing secret"),
            "secret": True,
            "group": LOGIN,
            "placeholder": "whsec_…",
            "help": N_(
                "From the receiving system; it starts with whsec_. Leave it empty to let Relay make one, "
                "which is shown once. While you rotate it, enter the new and the old secret, separated by a "
                "space."
            ),
            "shown_if": {"auth": SIGNED},
        }
    )
    token = fields.String(
        metadata={
            "label": N_("Token"),
            "secret": True,
            "group": LOGIN,
            "shown_if": {"auth": BEARER},
        }
    )
    user = fields.String(
        metadata={"label": N_("User"), "group": LOGIN, "shown_if": {"auth": BASIC}}
    )
    password = fields.String(
        metadata={
            "label": N_("Password"),
            "secret": True,
            "group": LOGIN,
            "shown_if": {"auth": BASIC},
        }
    )
    own_headers = fields.String(
        metadata={
            "label": N_("Headers"),
            "secret": True,
            "widget": "textarea",
            "group": LOGIN,
            "placeholder": N_("X-Api-Key: …"),
            "help": N_("One per line, as Name: value."),
            "shown_if": {"auth": HEADERS},
        }
    )
    token_url = fields.String(
        metadata={
            "label": N_("Token URL"),
            "widget": "url",
            "group": LOGIN,
            "placeholder": "https://login.example.com/oauth2/token",
            "help": N_("Where Relay gets an access token. Relay keeps the token until it expires."),
            "shown_if": {"auth": OAUTH},
        }
    )
    client_id = fields.String(
        metadata={"label": N_("Client ID"), "group": LOGIN, "shown_if": {"auth": OAUTH}}
    )
    client_secret = fields.String(
        metadata={
            "label": N_("Client secret"),
            "secret": True,
            "group": LOGIN,
            "shown_if": {"auth": OAUTH},
        }
    )
    scope = fields.String(
        metadata={
            "label": N_("Scopes"),
            "group": LOGIN,
            "help": N_("Only if the service asks for them. Separate several with spaces."),
            "shown_if": {"auth": OAUTH},
        }
    )
    audience = fields.String(
        metadata={
            "label": N_("Audience"),
            "advanced": True,
            "help": N_("Only if the service asks for one, as Auth0 does."),
            "shown_if": {"auth": OAUTH},
        }
    )
    client_login = fields.String(
        load_default="basic",
        validate=validate.OneOf(["basic", "body"]),
        metadata={
            "label": N_("How the client ID and secret are sent"),
            "widget": "select",
            "advanced": True,
            "choices": [
                ("basic", N_("As user and password (HTTP Basic, the standard)")),
                ("body", N_("As form fields")),
            ],
            "shown_if": {"auth": OAUTH},
        },
    )
    path = fields.String(
        metadata={
            "label": N_("Path after the URL"),
            "advanced": True,
            "template": True,
            "placeholder": "/customers/{{ data.customer.id }}",
            "help": N_(
                "Added to the URL, for a service with a URL for each record. An event without the "
                "value becomes a failed delivery."
            ),
        }
    )
    query = fields.String(
        metadata={
            "label": N_("Query parameters"),
            "widget": "headers",
            "advanced": True,
            "template": True,
            "placeholder": "source=relay\norder={{ data.number }}",
            "help": N_("One per line, as name=value. A value can contain {{ data.… }}."),
        }
    )
    extra_headers = fields.String(
        metadata={
            "label": N_("More headers"),
            "widget": "headers",
            "advanced": True,
            "template": True,
            "placeholder": N_("X-Event-Type: {{ event }}"),
            "help": N_(
                "One per line, as Name: value. A value can contain {{ data.… }}. These are not secret: "
                "enter keys and tokens under Authentication."
            ),
        }
    )
    ca_pem = fields.String(
        metadata={
            "label": N_("Own certificate authority (CA)"),
            "widget": "headers",
            "advanced": True,
            "rows": 6,
            "placeholder": "-----BEGIN CERTIFICATE-----",
            "help": N_(
                "Only if the server has a certificate from your own CA: paste the CA's "
                "certificate, or several. Relay trusts it for this destination only."
            ),
        }
    )

    @validates_schema
    def check_secret(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """The chosen authentication needs a valid secret.  A reference is resolved only on sending."""
        name = SECRET_FIELDS.get(data.get("auth", SIGNED))
        if name is None:
            return
        value = data.get(name, "")
        if not value:
            raise ValidationError(_("The authentication that you chose above requires this."), name)
        if is_reference(value):
            return
        checks: dict[str, tuple[Callable[[str], Any], str]] = {
            "signing_secret": (
                signing_keys,
                _("A signing secret is whsec_ followed by 32 to 88 characters of base64."),
            ),
            "own_headers": (own_headers, _("Enter one header per line, as Name: value.")),
        }
        if name in checks:
            check, sentence = checks[name]
            try:
                check(value)
            except ValueError as exc:
                raise ValidationError(sentence, name) from exc

    @validates_schema
    def check_oauth(self, data: dict[str, Any], **_kwargs: Any) -> None:
        missing = [name for name in ("token_url", "client_id") if not data.get(name)]
        if data.get("auth") == OAUTH and missing:
            raise ValidationError(_("OAuth 2.0 requires this."), missing[0])

    @validates_schema
    def check_content(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if data.get("content") == JSON_TEXT and not data.get("json_text"):
            raise ValidationError(_("Write the JSON text, or choose another content."), "json_text")

    @validates_schema
    def check_lines(self, data: dict[str, Any], **_kwargs: Any) -> None:
        try:
            query_pairs(data.get("query", ""))
        except ValueError as exc:
            raise ValidationError(
                _("Enter one parameter per line, as name=value, and at most 50."), "query"
            ) from exc
        try:
            headers = own_headers(data.get("extra_headers", ""))
        except ValueError as exc:
            raise ValidationError(
                _("Enter one header per line, as Name: value, and at most 50."), "extra_headers"
            ) from exc
        if taken := [name for name, _ in headers if name.lower() in OWN_HEADERS]:
            raise ValidationError(
                _(
                    "%(taken)s cannot be set here: Relay sets it, or it is a secret that belongs "
                    "under Authentication.",
                    taken=taken[0],
                ),
                "extra_headers",
            )

    @validates_schema
    def check_path(self, data: dict[str, Any], **_kwargs: Any) -> None:
        path = data.get("path", "")
        if path and urlsplit(data.get("url", "")).query:
            raise ValidationError(
                _(
                    "The URL has a query (after the ?), so nothing can be added to its path. Move the query to "
                    "Query parameters."
                ),
                "path",
            )
        if any(sign in re.sub(r"{{.*?}}|{%.*?%}", "", path) for sign in "?#\\"):
            raise ValidationError(
                _("A path has no ? and no #. Enter parameters under Query parameters."), "path"
            )

    @validates_schema
    def check_authority(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if pem := data.get("ca_pem", ""):
            try:
                check_certificates(pem)
            except ValueError as exc:
                raise ValidationError(str(exc), "ca_pem") from exc
