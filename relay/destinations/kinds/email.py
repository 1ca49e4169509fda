"""E-mail: a plain message by SMTP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from marshmallow import ValidationError, fields, validate, validates

from relay.destinations import mail
from relay.destinations.base import (
    ConfigSchema,
    Kind,
    Message,
    OutboundRequest,
    Reply,
    Rule,
    Target,
    classify,
)
from relay.destinations.http import Transport
from relay.destinations.verdicts import Known, Verdict
from relay.destinations.wire import headers_of
from relay.errors import Undeliverable
from relay.lifecycle import Accepted, Signal

RETRY, PAUSE, FIX = Verdict.RETRY, Verdict.PAUSE, Verdict.FIX
ADDRESS = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,253}")
NAMED = re.compile(r'(?:[^<>"\r\n]{0,100}<([^<>]+)>|([^<>\s]+))')
SUBJECTS = {
    "comment.created": "New comment by {{ data.author }}",
    "order.created": "New order {{ data.number }} over {{ data.total }} {{ data.currency }}",
    "order.status_changed": "Order {{ data.number }} is now {{ data.status }}",
    "lead.created": "New lead from {{ data.form.title }}",
    "user.registered": "New user on {{ site_name }}",
    "relay.test": "Test event from {{ site_name }}",
}
TEXTS = {
    "comment.created": "{{ data.author }} wrote"
    "{% if data.post_title %} on “{{ data.post_title }}”{% endif %}:\n\n{{ data.content }}",
    "order.created": "{{ data.customer.name }} ordered on {{ site_name }}:\n\n"
    "{% for item in data.items %}{{ item.quantity }} × {{ item.name }}  {{ item.total }}\n{% endfor %}"
    "\nTotal {{ data.total }} {{ data.currency }}",
    "order.status_changed": "Order {{ data.number }} of {{ data.customer.name }} over {{ data.total }} "
    "{{ data.currency }} is now {{ data.status }}.",
    "lead.created": "{% for field in data.fields %}{{ field[0] }}: {{ field[1] }}\n{% endfor %}"
    "{% if data.page_url %}\nSent from {{ data.page_url }}{% endif %}",
    "user.registered": "{{ data.login }} ({{ data.email }}) has registered.",
    "relay.test": "The connection works.",
}
# by the server's reply code (RFC 5321, RFC 4954, RFC 7504)
ERRORS: dict[int, Known] = {
    421: Known(RETRY, "mail_away", "The mail server is not available just now. Relay tries again."),
    432: Known(
        PAUSE, "password_change", "The mail server wants the password changed. Then resume."
    ),
    450: Known(
        RETRY, "mailbox_busy", "The mailbox is busy or the server checks us. Relay tries again."
    ),
    451: Known(RETRY, "mail_trouble", "The mail server has trouble of its own. Relay tries again."),
    452: Known(
        RETRY, "mailbox_full", "The mail server has no room left just now. Relay tries again."
    ),
    454: Known(
        RETRY, "login_trouble", "The mail server cannot check logins now. Relay tries again."
    ),
    455: Known(RETRY, "mail_trouble", "The mail server has trouble of its own. Relay tries again."),
    521: Known(PAUSE, "no_mail_server", "This server takes no mail. Check its name, then resume."),
    530: Known(
        PAUSE,
        "login_needed",
        "The mail server wants a login. Enter user and password, then resume.",
    ),
    534: Known(
        PAUSE,
        "login_too_weak",
        "The mail server wants another kind of login. Ask its operator, then resume.",
    ),
    535: Known(
        PAUSE,
        "bad_login",
        "The mail server does not accept user and password. Enter them again, then resume.",
    ),
    538: Known(
        PAUSE,
        "encryption_needed",
        "The mail server wants encryption. Choose it in the settings, then resume.",
    ),
    541: Known(
        FIX,
        "taken_for_spam",
        "The mail server takes the message for spam. Change its text or sender.",
    ),
    550: Known(
        FIX, "no_mailbox", "There is no such mailbox, or it takes no mail from this sender."
    ),
    551: Known(FIX, "no_mailbox", "The mailbox is elsewhere. Check the recipient's address."),
    552: Known(FIX, "too_large", "The message is too large for the mailbox."),
    553: Known(
        FIX,
        "bad_address",
        "The mail server does not take this address. Check sender and recipient.",
    ),
    554: Known(FIX, "mail_refused", "The mail server refuses the message. Its own words say why."),
    555: Known(
        FIX,
        "bad_address",
        "The mail server does not take this address. Check sender and recipient.",
    ),
    556: Known(FIX, "no_mailbox", "The recipient's domain takes no mail. Check the address."),
}

NOT_OFFERED = Known(
    PAUSE,
    mail.NOT_OFFERED,
    "The mail server does not offer what the settings ask for (encryption by STARTTLS, or a login). "
    "Choose another encryption or port in the settings, then resume.",
)


def bare(text: str) -> str:
    """The address of ``Name <a@b>`` or ``a@b``.  Raises ValueError."""
    found = NAMED.fullmatch(text.strip())
    address = (found[1] or found[2]).strip() if found else ""
    if not ADDRESS.fullmatch(address):
        raise ValueError(text)
    return address


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
        load_default=mail.STARTTLS,
        validate=validate.OneOf([mail.STARTTLS, mail.TLS, mail.PLAIN]),
        metadata={
            "label": "Encryption",
            "widget": "select",
            "choices": [
                (mail.STARTTLS, "STARTTLS (usual with port 587)"),
                (mail.TLS, "TLS from the start (usual with port 465)"),
                (mail.PLAIN, "None (only inside your own network)"),
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
        raise ValidationError(f"{text} is no e-mail address such as team@example.com.") from exc


class Email(Kind):
    slug = "email"
    name = "E-mail"
    tagline = "Sends a mail by your own mail server."
    icon = "mail"
    repeats = "The mail carries the same number as before; most mail programs still show it twice."
    schema = EmailSchema()

    def targets(self, config: Mapping[str, Any], account: Mapping[str, Any]) -> tuple[Target, ...]:
        return (
            Target("subject", "Subject", required=True),
            Target("text", "Message", "long_text", required=True),
        )

    def ready_made(self, config: Mapping[str, Any], event_type: str) -> dict[str, Rule]:
        subject = config.get("subject") or SUBJECTS.get(
            event_type, "{{ event }} from {{ site_name }}"
        )
        text = config.get("text") or TEXTS.get(
            event_type, "{{ event }} came from {{ site_name }}:\n\n{{ data | json }}"
        )
        return {"subject": {"text": subject}, "text": {"text": text}}

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
        return mail.MailRequest(
            "MAIL",
            f"smtp://{config['host']}:{config.get('port', 587)}",
            tuple((name, str(value)) for name, value in letter.items()),
            letter.as_bytes(policy=policy.SMTP),
            secrets=(password,) if password else (),
            host=config["host"],
            port=int(config.get("port", 587)),
            security=config.get("security", mail.STARTTLS),
            user=str(config.get("user") or ""),
            password=password,
            sender=sender,
            recipients=tuple(bare(one) for one in several(config["to"])),
        )

    def send(self, request: OutboundRequest, transport: Transport) -> Reply:
        assert isinstance(request, mail.MailRequest)
        return mail.send(request, transport)

    def classify(self, reply: Reply) -> Signal:
        """SMTP's own rule where the table has nothing: 4xx may pass, 5xx will not."""
        if reply.error == mail.NOT_OFFERED:
            return NOT_OFFERED.signal()
        if reply.error is not None or reply.status is None:
            return classify(reply)
        if 200 <= reply.status < 300:
            return Accepted()
        known = ERRORS.get(reply.status)
        if known is None and reply.status >= 500:
            known = Known(
                FIX,
                f"smtp_{reply.status}",
                f"The mail server answered {reply.status}: it refuses this.",
            )
        if known is None:
            known = Known(
                RETRY,
                f"smtp_{reply.status}",
                f"The mail server answered {reply.status}: not now. Relay tries again.",
            )
        return known.signal()

    def deed(self, config: Mapping[str, Any], event_type: str) -> str:
        return "send a mail by {name}"

    def summary(self, config: Mapping[str, Any]) -> str:
        return f"Mail to {config.get('to', '')}"


KIND = Email()
