"""E-mail: a message over SMTP, as plain text and HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from relay.destinations.base import (
    AccessResult,
    Kind,
    Message,
    Rule,
    Send,
    TargetField,
    standard_text,
)
from relay.destinations.envelope import headers_of
from relay.destinations.kinds.email import html
from relay.destinations.kinds.email.addresses import parse_address, parse_addresses
from relay.destinations.kinds.email.errors import signal_of
from relay.destinations.kinds.email.settings import (
    FIXED,
    HTML,
    LINKS,
    PERSON,
    EmailSchema,
)
from relay.destinations.links import Link, links_for_customer, links_of
from relay.errors import Undeliverable
from relay.event_types import event_type_of
from relay.i18n import N_, _
from relay.rules.lifecycle import Signal
from relay.transport import smtp
from relay.transport.client import Transport
from relay.transport.request import OutboundRequest, Reply


class Email(Kind):
    slug = "email"
    name = N_("E-mail")
    tagline = N_("Sends an e-mail through your own mail server.")
    icon = "mail"
    writes_to_person = True
    answers_http = False
    duplicate_note = N_(
        "The mail has the same Message-ID as before, but most mail programs still show it twice."
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
        subject, text = config.get("subject"), config.get("text")
        return {
            "subject": {"text": subject} if subject else standard_text(found.headline),
            "text": {"text": text} if text else standard_text(found.body),
        }

    def build(self, config: Mapping[str, Any], message: Message) -> OutboundRequest:
        text = "\n".join(str(message.mapped.get("text", "")).splitlines()).strip()
        if not text:
            raise Undeliverable("no_text", _("The message is empty. Change its text."))
        try:
            sender, recipients = parse_address(config["sender"]), recipients_of(config, message)
        except ValueError as exc:
            raise Undeliverable(
                "bad_address", " ".join([str(exc), _("Change it in the settings.")])
            ) from exc
        mail = EmailMessage()
        mail["From"], mail["To"] = sender, recipients
        if reply_to := reply_to_of(config, message):
            mail["Reply-To"] = reply_to
        subject = subject_of(message)
        mail["Subject"] = subject
        mail["Date"] = format_datetime(message.received_at)
        mail["Message-ID"] = f"<{message.key}@{sender.domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        for name, value in headers_of(message):
            mail[name] = value
        add_content(mail, config, subject, text, shown_links(config, message))
        password = str(config.get("password") or "")
        return smtp.MailRequest(
            "MAIL",
            f"smtp://{config['host']}:{config.get('port', 587)}",
            tuple((name, str(value)) for name, value in mail.items()),
            mail.as_bytes(policy=policy.SMTP),
            secrets=(password,) if password else (),
            host=config["host"],
            port=int(config.get("port", 587)),
            security=config.get("security", smtp.STARTTLS),
            user=str(config.get("user") or ""),
            password=password,
            sender=sender.addr_spec,
            recipients=tuple(one.addr_spec for one in recipients),
        )

    def send(self, request: OutboundRequest, transport: Transport) -> Reply:
        assert isinstance(request, smtp.MailRequest)
        return smtp.send(request, transport)

    def has_access_check(self, config: Mapping[str, Any]) -> bool:
        return True

    def check_access(self, config: Mapping[str, Any], send: Send) -> AccessResult:
        """Connect and log in, without a mail."""
        host, port, user = config["host"], config.get("port", 587), str(config.get("user") or "")
        password = str(config.get("password") or "")
        request = smtp.MailRequest(
            "LOGIN",
            f"smtp://{host}:{port}",
            (),
            b"",
            secrets=(password,) if password else (),
            host=host,
            port=int(port),
            security=config.get("security", smtp.STARTTLS),
            user=user,
            password=password,
            sender=parse_address(config["sender"]).addr_spec,
        )
        return AccessResult(
            signal_of(send(request)),
            _("Connected to %(host)s as %(user)s.", host=host, user=user)
            if user
            else _("Connected to %(host)s without a login.", host=host),
        )

    def classify(self, reply: Reply) -> Signal:
        return signal_of(reply)

    def action(self, config: Mapping[str, Any], event_type: str) -> str:
        return N_("send a mail with {name}")

    def summary(self, config: Mapping[str, Any]) -> str:
        if config.get("recipient") == PERSON:
            return _("E-mail to the customer or visitor")
        return _("E-mail to %(address)s", address=config.get("to", ""))


def subject_of(message: Message) -> str:
    """The subject in one line of printable characters."""
    subject = _printable(str(message.mapped.get("subject", "")))[:200] or message.event_type
    return f"[TEST] {subject}" if message.is_test else subject


def person_of(message: Message) -> Address | None:
    """The address of the person that the event is from; None without a valid one.

    The event is not trusted, so it names one recipient at most, and a domain with a dot: no mail goes
    to a local user of the mail server.
    """
    name, text = message.person
    try:
        found = parse_address(text)
    except ValueError:
        return None
    if "." not in found.domain:
        return None
    return Address(found.display_name or _name(name), found.username, found.domain)


def _name(text: str) -> str:
    """A person's name for a header."""
    return _printable(text.replace('"', ""))[:100]


def _printable(text: str) -> str:
    """A text as one line of printable characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:1000]).split())


def recipients_of(config: Mapping[str, Any], message: Message) -> tuple[Address, ...]:
    """The addresses of the settings, or that of the person.  Raises Undeliverable, ValueError.

    A test goes to the sender instead of the person: the sample's address is not one of a customer.
    """
    if config.get("recipient", FIXED) != PERSON:
        return parse_addresses(config["to"])
    if message.is_test:
        return (parse_address(config["sender"]),)
    person = person_of(message)
    if person is None:
        raise Undeliverable(
            "no_recipient",
            _(
                "This event has no valid e-mail address of a customer or visitor, so there is no one to send "
                "it to. "
                "Exclude such events with a condition, or choose fixed addresses in the settings."
            ),
        )
    return (person,)


def reply_to_of(config: Mapping[str, Any], message: Message) -> Address | None:
    """Where an answer goes: to the person, unless the mail itself does."""
    to_person = config.get("recipient", FIXED) == PERSON
    if to_person or config.get("reply_to", PERSON) != PERSON:
        return None
    return person_of(message)


def shown_links(config: Mapping[str, Any], message: Message) -> tuple[Link, ...]:
    """The links below the text.  A customer gets none to WordPress or Relay."""
    if config.get("links", LINKS) != LINKS:
        return ()
    to_person = config.get("recipient") == PERSON
    return links_for_customer(message) if to_person else links_of(message)


def add_content(
    mail: EmailMessage, config: Mapping[str, Any], subject: str, text: str, links: Sequence[Link]
) -> None:
    """The plain text, and beside it the same as HTML.  Source: RFC 2046 section 5.1.4."""
    below = "\n".join(f"{link.label}: {link.url}" for link in links)
    mail.set_content(f"{text}\n\n{below}" if below else text, cte="quoted-printable")
    if config.get("format", HTML) == HTML:
        page = html.page(subject, text, links)
        mail.add_alternative(page, subtype="html", cte="quoted-printable")
        mail.set_boundary(f"=_{mail['Idempotency-Key']}")  # the same on every attempt


KIND = Email()
