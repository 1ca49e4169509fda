"""The settings of an e-mail destination."""

from __future__ import annotations

import re
from typing import Any

import idna
from marshmallow import ValidationError, fields, validate, validates

from relay.destinations.base import ConfigSchema
from relay.transport import smtp

ADDRESS = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,253}")
NAMED_ADDRESS = re.compile(r'(?:[^<>"\r\n]{0,100}<([^<>]+)>|([^<>\s]+))')


def bare_address(text: str) -> str:
    """The address of ``Name <a@b>`` or ``a@b``.  Raises ValueError with a sentence."""
    found = NAMED_ADDRESS.fullmatch(text.strip())
    address = (found[1] or found[2]).strip() if found else ""
    if not ADDRESS.fullmatch(address):
        raise ValueError(f"{text} is not an e-mail address such as team@example.com.")
    if not address.isascii():
        raise ValueError(
            f"{text} has characters that mail servers do not accept. {_ascii_advice(address)}"
        )
    return address


def _ascii_advice(address: str) -> str:
    local, _, domain = address.rpartition("@")
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        ascii_domain = ""
    if not ascii_domain or not local.isascii():
        return "Use another address."
    return f"Enter it as {local}@{ascii_domain}, which is the same."


def split_addresses(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"[,;\n]", text) if part.strip()]


class EmailSchema(ConfigSchema):
    to = fields.String(
        required=True,
        error_messages={"required": "Enter the recipient's address."},
        metadata={
            "label": "To",
            "placeholder": "team@example.com",
            "help": "Separate several addresses with commas.",
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
    host = fields.String(
        required=True,
        validate=validate.Regexp(
            r"[A-Za-z0-9.:_-]{1,253}\Z", error="Enter a name such as smtp.example.com."
        ),
        error_messages={"required": "Enter the name of your mail server."},
        metadata={"label": "Mail server", "placeholder": "smtp.example.com"},
    )
    security = fields.String(
        load_default=smtp.STARTTLS,
        validate=validate.OneOf([smtp.STARTTLS, smtp.TLS, smtp.PLAIN]),
        metadata={
            "label": "Encryption",
            "widget": "select",
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
        metadata={"label": "Port", "widget": "number"},
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

    @validates("to")
    def check_to(self, value: str, **_: Any) -> None:
        for address in split_addresses(value):
            _check_address(address)

    @validates("sender")
    def check_sender(self, value: str, **_: Any) -> None:
        _check_address(value)


def _check_address(text: str) -> None:
    try:
        bare_address(text)
    except ValueError as exc:
        raise ValidationError(str(exc)) from exc
