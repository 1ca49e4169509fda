"""E-mail: a plain message by SMTP."""

from __future__ import annotations

from collections.abc import Mapping
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from relay.destinations.base import Kind, Message, Rule, TargetField
from relay.destinations.envelope import headers_of
from relay.destinations.kinds.email.errors import signal_of
from relay.destinations.kinds.email.settings import EmailSchema, bare, several
from relay.errors import Undeliverable
from relay.event_types import event_type_of
from relay.rules.lifecycle import Signal
from relay.transport import smtp
from relay.transport.client import Transport
from relay.transport.request import OutboundRequest, Reply


class Email(Kind):
    slug = "email"
    name = "E-mail"
    tagline = "Sends a mail by your own mail server."
    icon = "mail"
    duplicate_note = (
        "The mail carries the same number as before; most mail programs still show it twice."
    )
    schema = EmailSchema()
    example_config = {
        "to": "team@example.com",
        "sender": "shop@example.com",
        "host": "smtp.example.com",
        "user": "shop",
    }
    example_secrets = {"password": "example-app-password"}

    def targets(
        self, config: Mapping[str, Any], account: Mapping[str, Any]
    ) -> tuple[TargetField, ...]:
        return (
            TargetField("subject", "Subject", required=True),
            TargetField("text", "Message", "long_text", required=True),
        )

    def default_mapping(self, config: Mapping[str, Any], event_type: str) -> dict[str, Rule]:
        found = event_type_of(event_type)
        return {
            "subject": {"text": config.get("subject") or found.headline},
            "text": {"text": config.get("text") or found.body},
        }

    def build(self, config: Mapping[str, Any], message: Message) -> OutboundRequest:
        text = str(message.mapped.get("text", "")).strip()
        if not text:
            raise Undeliverable("no_text", "The message came out empty. Change its text.")
        subject = (
            " ".join(str(message.mapped.get("subject", "")).split())[:200] or message.event_type
        )
        letter = EmailMessage()
        sender = bare(config["sender"])
        letter["From"], letter["To"] = config["sender"], ", ".join(several(config["to"]))
        letter["Subject"] = f"[TEST] {subject}" if message.is_test else subject
        letter["Date"] = format_datetime(message.received_at)
        letter["Message-ID"] = f"<{message.key}@{sender.rpartition('@')[2]}>"
        letter["Auto-Submitted"] = "auto-generated"
        for name, value in headers_of(message):
            letter[name] = value
        letter.set_content(text, cte="quoted-printable")
        password = str(config.get("password") or "")
        return smtp.MailRequest(
            "MAIL",
            f"smtp://{config['host']}:{config.get('port', 587)}",
            tuple((name, str(value)) for name, value in letter.items()),
            letter.as_bytes(policy=policy.SMTP),
            secrets=(password,) if password else (),
            host=config["host"],
            port=int(config.get("port", 587)),
            security=config.get("security", smtp.STARTTLS),
            user=str(config.get("user") or ""),
            password=password,
            sender=sender,
            recipients=tuple(bare(one) for one in several(config["to"])),
        )

    def send(self, request: OutboundRequest, transport: Transport) -> Reply:
        assert isinstance(request, smtp.MailRequest)
        return smtp.send(request, transport)

    def classify(self, reply: Reply) -> Signal:
        return signal_of(reply)

    def action(self, config: Mapping[str, Any], event_type: str) -> str:
        return "send a mail by {name}"

    def summary(self, config: Mapping[str, Any]) -> str:
        return f"Mail to {config.get('to', '')}"


KIND = Email()
