"""The settings of an e-mail destination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, pre_load, validate, validates, validates_schema

from relay.destinations.base import ConfigSchema
from relay.destinations.kinds.email.addresses import parse_addresses
from relay.transport import smtp

FIXED, PERSON, SENDER = "fixed", "person", "sender"
HTML, TEXT = "html", "text"
LINKS, NO_LINKS = "yes", "no"
NO_RECIPIENT = "Enter the recipient's address."
# What servers expect on these ports.  Source: RFC 8314 section 7.3, RFC 6409.
TLS_PORTS, STARTTLS_PORTS = frozenset({465}), frozenset({25, 587, 2525})


class EmailSchema(ConfigSchema):
    recipient = fields.String(
        load_default=FIXED,
        validate=validate.OneOf([FIXED, PERSON]),
        metadata={
            "label": "Send to",
            "widget": "select",
            "choices": [
                (FIXED, "The addresses below"),
                (PERSON, "The customer or visitor"),
            ],
            "help": "A mail to the customer or visitor goes to one valid address of the event. Anyone can "
            "enter any address in a form, so do not repeat in such a mail what visitors write.",
        },
    )
    to = fields.String(
        metadata={
            "label": "To",
            "placeholder": "team@example.com",
            "help": "Separate several addresses with commas.",
            "shown_if": {"recipient": FIXED},
        },
    )
    sender = fields.String(
        required=True,
        error_messages={"required": "Enter the sender's address."},
        metadata={
            "label": "From",
            "placeholder": "Shop <shop@example.com>",
            "help": "An address that your mail server is allowed to send from.",
        },
    )
    reply_to = fields.String(
        load_default=PERSON,
        validate=validate.OneOf([PERSON, SENDER]),
        metadata={
            "label": "Replies go to",
            "widget": "select",
            "choices": [
                (PERSON, "The customer or visitor"),
                (SENDER, "The From address"),
            ],
            "shown_if": {"recipient": FIXED},
        },
    )
    host = fields.String(
        required=True,
        validate=validate.Regexp(
            r"[A-Za-z0-9.:_-]{1,253}\Z", error="Enter a name such as smtp.example.com."
        ),
        error_messages={"required": "Enter the name of your mail server."},
        metadata={"label": "Mail server", "placeholder": "smtp.example.com", "server": True},
    )
    security = fields.String(
        load_default=smtp.STARTTLS,
        validate=validate.OneOf([smtp.STARTTLS, smtp.TLS, smtp.PLAIN]),
        metadata={
            "label": "Encryption",
            "widget": "select",
            "server": True,
            "choices": [
                (smtp.STARTTLS, "STARTTLS (usual with port 587)"),
                (smtp.TLS, "TLS from the start (usual with port 465)"),
                (smtp.PLAIN, "None (only within your own network)"),
            ],
        },
    )
    port = fields.Integer(
        load_default=587,
        validate=validate.Range(1, 65535),
        error_messages={"invalid": "Enter a number such as 587."},
        metadata={"label": "Port", "widget": "number", "server": True},
    )
    user = fields.String(metadata={"label": "User", "placeholder": "shop@example.com"})
    password = fields.String(
        metadata={
            "label": "Password",
            "secret": True,
            "help": "Many providers require an app password here, not your sign-in password.",
        }
    )
    subject = fields.String(
        metadata={
            "label": "Subject",
            "template": True,
            "placeholder": "Leave empty for Relay's default subject for each event.",
        }
    )
    text = fields.String(
        metadata={
            "label": "Message",
            "widget": "textarea",
            "template": True,
            "placeholder": "Leave empty for Relay's default message for each event.",
            "help": "Your own text. Relay replaces {{ data.author }} with the event's field author.",
        }
    )

    format = fields.String(
        load_default=HTML,
        validate=validate.OneOf([HTML, TEXT]),
        metadata={
            "label": "Format",
            "widget": "select",
            "choices": [(HTML, "HTML and plain text"), (TEXT, "Plain text only")],
            "advanced": True,
        },
    )
    links = fields.String(
        load_default=LINKS,
        validate=validate.OneOf([LINKS, NO_LINKS]),
        metadata={
            "label": "Links to the order, the site and Relay",
            "widget": "select",
            "choices": [(LINKS, "Below the text"), (NO_LINKS, "None")],
            "advanced": True,
            "help": "A mail to the customer or visitor has links to the site and their order only.",
        },
    )

    @pre_load
    def default_port(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """465 for TLS from the start, if no port was given."""
        is_tls = data.get("security") == smtp.TLS
        return {"port": 465, **data} if is_tls else dict(data)

    @validates("to")
    def check_to(self, value: str, **_: Any) -> None:
        try:
            found = parse_addresses(value)
        except ValueError as exc:
            raise ValidationError(str(exc)) from exc
        if not found:
            raise ValidationError(NO_RECIPIENT)

    @validates("sender")
    def check_sender(self, value: str, **_: Any) -> None:
        try:
            found = parse_addresses(value)
        except ValueError as exc:
            raise ValidationError(str(exc)) from exc
        if len(found) != 1:
            raise ValidationError("Enter one address. A mail has one sender.")

    @validates_schema
    def check_together(self, data: Mapping[str, Any], **_: Any) -> None:
        if data.get("recipient", FIXED) == FIXED and not data.get("to"):
            raise ValidationError(NO_RECIPIENT, "to")
        port, security = data.get("port"), data.get("security")
        if port in TLS_PORTS and security != smtp.TLS:
            raise ValidationError(
                f"Port {port} expects TLS from the start. Choose that encryption, or port 587.",
                "security",
            )
        if port in STARTTLS_PORTS and security == smtp.TLS:
            raise ValidationError(
                f"Port {port} does not start with TLS. Choose STARTTLS, or port 465.", "security"
            )
