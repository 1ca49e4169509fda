"""The settings of an e-mail destination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, pre_load, validate, validates, validates_schema

from relay.destinations.kinds.email.addresses import parse_addresses
from relay.destinations.schema import ConfigSchema
from relay.i18n import N_, _
from relay.transport import smtp

FIXED, PERSON, SENDER = "fixed", "person", "sender"
HTML, TEXT = "html", "text"
LINKS, NO_LINKS = "yes", "no"
NO_RECIPIENT = N_("Enter the recipient's address.")
# What servers expect on these ports.  Source: RFC 8314 section 7.3, RFC 6409.
TLS_PORTS, STARTTLS_PORTS = frozenset({465}), frozenset({25, 587, 2525})


class EmailSchema(ConfigSchema):
    recipient = fields.String(
        load_default=FIXED,
        validate=validate.OneOf([FIXED, PERSON]),
        metadata={
            "label": N_("Send to"),
            "widget": "select",
            "choices": [
                (FIXED, N_("The addresses below")),
                (PERSON, N_("The customer or visitor")),
            ],
            "help": N_(
                "A mail to the customer or visitor goes to one valid address of the event. Anyone can "
                "enter any address in a form, so do not repeat in such a mail what visitors write."
            ),
        },
    )
    to = fields.String(
        metadata={
            "label": N_("To"),
            "placeholder": "team@example.com",
            "help": N_("Separate several addresses with commas."),
            "shown_if": {"recipient": FIXED},
        },
    )
    sender = fields.String(
        required=True,
        error_messages={"required": N_("Enter the sender's address.")},
        metadata={
            "label": N_("From"),
            "placeholder": N_("Shop <shop@example.com>"),
            "help": N_("An address that your mail server is allowed to send from."),
        },
    )
    reply_to = fields.String(
        load_default=PERSON,
        validate=validate.OneOf([PERSON, SENDER]),
        metadata={
            "label": N_("Replies go to"),
            "widget": "select",
            "choices": [
                (PERSON, N_("The customer or visitor")),
                (SENDER, N_("The From address")),
            ],
            "shown_if": {"recipient": FIXED},
        },
    )
    host = fields.String(
        required=True,
        validate=validate.Regexp(
            r"[A-Za-z0-9.:_-]{1,253}\Z", error=N_("Enter a name such as smtp.example.com.")
        ),
        error_messages={"required": N_("Enter the name of your mail server.")},
        metadata={"label": N_("Mail server"), "placeholder": "smtp.example.com", "server": True},
    )
    security = fields.String(
        load_default=smtp.STARTTLS,
        validate=validate.OneOf([smtp.STARTTLS, smtp.TLS, smtp.PLAIN]),
        metadata={
            "label": N_("Encryption"),
            "widget": "select",
            "server": True,
            "choices": [
                (smtp.STARTTLS, N_("STARTTLS (usual with port 587)")),
                (smtp.TLS, N_("TLS from the start (usual with port 465)")),
                (smtp.PLAIN, N_("None (only within your own network)")),
            ],
        },
    )
    port = fields.Integer(
        load_default=587,
        validate=validate.Range(1, 65535),
        error_messages={"invalid": N_("Enter a number such as 587.")},
        metadata={"label": N_("Port"), "widget": "number", "server": True},
    )
    user = fields.String(metadata={"label": N_("User"), "placeholder": "shop@example.com"})
    password = fields.String(
        metadata={
            "label": N_("Password"),
            "secret": True,
            "help": N_("Many providers require an app password here, not your sign-in password."),
        }
    )
    subject = fields.String(
        metadata={
            "label": N_("Subject"),
            "template": True,
            "placeholder": N_("Leave empty for Relay's default subject for each event."),
        }
    )
    text = fields.String(
        metadata={
            "label": N_("Message"),
            "widget": "textarea",
            "template": True,
            "placeholder": N_("Leave empty for Relay's default message for each event."),
            "help": N_(
                "Your own text. Relay replaces {{ data.author }} with the event's field author."
            ),
        }
    )

    format = fields.String(
        load_default=HTML,
        validate=validate.OneOf([HTML, TEXT]),
        metadata={
            "label": N_("Format"),
            "widget": "select",
            "choices": [(HTML, N_("HTML and plain text")), (TEXT, N_("Plain text only"))],
            "advanced": True,
        },
    )
    links = fields.String(
        load_default=LINKS,
        validate=validate.OneOf([LINKS, NO_LINKS]),
        metadata={
            "label": N_("Links to the order, the site and Relay"),
            "widget": "select",
            "choices": [(LINKS, N_("Below the text")), (NO_LINKS, "None")],
            "advanced": True,
            "help": N_(
                "A mail to the customer or visitor has links to the site and their order only."
            ),
        },
    )

    @pre_load
    def default_port(self, data: Mapping[str, Any], **_kwargs: Any) -> dict[str, Any]:
        """465 for TLS from the start, if no port was given."""
        is_tls = data.get("security") == smtp.TLS
        return {"port": 465, **data} if is_tls else dict(data)

    @validates("to")
    def check_to(self, value: str, **_kwargs: Any) -> None:
        try:
            found = parse_addresses(value)
        except ValueError as exc:
            raise ValidationError(str(exc)) from exc
        if not found:
            raise ValidationError(NO_RECIPIENT)

    @validates("sender")
    def check_sender(self, value: str, **_kwargs: Any) -> None:
        try:
            found = parse_addresses(value)
        except ValueError as exc:
            raise ValidationError(str(exc)) from exc
        if len(found) != 1:
            raise ValidationError(_("Enter one address. A mail has one sender."))

    @validates_schema
    def check_together(self, data: Mapping[str, Any], **_kwargs: Any) -> None:
        if data.get("recipient", FIXED) == FIXED and not data.get("to"):
            raise ValidationError(NO_RECIPIENT, "to")
        port, security = data.get("port"), data.get("security")
        if port in TLS_PORTS and security != smtp.TLS:
            raise ValidationError(
                _(
                    "Port %(port)s expects TLS from the start. Choose that encryption, or port "
                    "587.",
                    port=port,
                ),
                "security",
            )
        if port in STARTTLS_PORTS and security == smtp.TLS:
            raise ValidationError(
                _(
                    "Port %(port)s does not start with TLS. Choose STARTTLS, or port 465.",
                    port=port,
                ),
                "security",
            )
