"""What a person says about their mail server."""

from __future__ import annotations

import re
from typing import Any

import idna
from marshmallow import ValidationError, fields, validate, validates

from relay.destinations.base import ConfigSchema
from relay.transport import smtp

ADDRESS = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,253}")
NAMED = re.compile(r'(?:[^<>"\r\n]{0,100}<([^<>]+)>|([^<>\s]+))')


def bare(text: str) -> str:
    """The address of ``Name <a@b>`` or ``a@b``.  Raises ValueError with a sentence."""
    found = NAMED.fullmatch(text.strip())
    address = (found[1] or found[2]).strip() if found else ""
    if not ADDRESS.fullmatch(address):
        raise ValueError(f"{text} is no e-mail address such as team@example.com.")
    if not address.isascii():
        raise ValueError(f"{text} has letters that mail servers do not take. {_plain(address)}")
    return address


def _plain(address: str) -> str:
    """What to write instead."""
    local, _, domain = address.rpartition("@")
    try:
        written = idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        written = ""
    if not written or not local.isascii():
        return "Use another address."
    return f"Write it as {local}@{written}, which is the same."


def several(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"[,;\n]", text) if part.strip()]


class EmailSchema(ConfigSchema):
    to = fields.String(
        required=True,
        error_messages={"required": "Enter the address that the mails go to."},
        metadata={
            "label": "To",
            "placeholder": "team@example.com",
            "help": "Several addresses have commas between them.",
        },
    )
    sender = fields.String(
        required=True,
        error_messages={"required": "Enter the address that the mails come from."},
        metadata={
            "label": "From",
            "placeholder": "Shop <shop@example.com>",
            "help": "An address that your mail server may send for.",
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
                (smtp.PLAIN, "None (only inside your own network)"),
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
            "help": "Many providers want an app password here, not the one you sign in with.",
        }
    )
    subject = fields.String(
        metadata={
            "label": "Subject",
            "template": True,
            "placeholder": "Leave empty for a ready-made subject for each event.",
        }
    )
    text = fields.String(
        metadata={
            "label": "Message",
            "widget": "textarea",
            "template": True,
            "placeholder": "Leave empty for a ready-made message for each event.",
            "help": "Your own text. {{ data.author }} is replaced by the field author of the event.",
        }
    )

    @validates("to")
    def check_to(self, value: str, **_: Any) -> None:
        for one in several(value):
            _check_address(one)

    @validates("sender")
    def check_sender(self, value: str, **_: Any) -> None:
        _check_address(value)


def _check_address(text: str) -> None:
    try:
        bare(text)
    except ValueError as exc:
        raise ValidationError(str(exc)) from exc
