"""One call of an alert channel: the message is built by the channel's kind and sent like a delivery."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import current_app

from relay import secrets
from relay.destinations.base import Message
from relay.destinations.channel_kinds import CHANNEL_KINDS
from relay.destinations.endpoints import secret_values
from relay.destinations.redaction import mask_text
from relay.errors import Undeliverable, VaultUnavailable
from relay.i18n import N_, SOURCE, _, in_language
from relay.models import AlertChannel
from relay.observability.tracing import traceparent
from relay.rules.lifecycle import Accepted, Failed, Signal
from relay.services.alerts import texts

NO_LINKS = {"links": "no"}  # the kinds' own links are about an event

# The kinds write for destinations, which a person resumes and which Relay retries for a day.
IN_OTHER_WORDS = (
    ("the destination's settings, then resume it", "the channel's settings"),
    ("the settings and resume the destination", "the channel's settings"),
    ("the destination's settings", "the channel's settings"),
    ("The destination ", "The service "),  # i18n: keep
    ("; Relay retries.", "."),
    (" Relay retries.", ""),
)


# What they become, for translation.
SENTENCES = (
    N_("The service responded %(status)s."),
    N_("The service did not respond."),
    N_("It gets too many calls."),
    N_("The problem is on its side."),
    N_("It does not accept Relay's credentials. Enter them again in the channel's settings."),
    N_("The URL does not exist there. Check it in the channel's settings."),
    N_("The URL does not accept messages. Check it in the channel's settings."),
    N_("The service did not answer within %(seconds)s s."),
    N_(
        "The certificate authority in the channel's settings cannot be read. Paste its certificate again, from "
        "-----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----."
    ),
    N_("This URL was permanently closed. Enter a new URL in the channel's settings."),
)


@dataclass(frozen=True)
class ChannelAddress:
    """What is needed to send through a channel, without a row of the database."""

    id: int
    name: str
    kind: str
    config: Mapping[str, Any]
    timezone: str
    sealed_secrets: str = field(default="", repr=False)

    @classmethod
    def of(cls, channel: AlertChannel) -> ChannelAddress:
        return cls(
            channel.id,
            channel.name,
            channel.kind,
            dict(channel.config),
            channel.timezone,
            channel.sealed_secrets or "",
        )


@dataclass(frozen=True)
class ChannelResult:
    """``signal`` is what the answer means; ``sentence`` says what is wrong, empty if nothing is."""

    signal: Signal
    sentence: str
    elapsed_ms: float

    @property
    def ok(self) -> bool:
        return isinstance(self.signal, Accepted)


@in_language(SOURCE)
def call(
    address: ChannelAddress,
    key: str,
    body: Mapping[str, Any],
    at: datetime,
    is_test: bool = False,
) -> ChannelResult:
    """Send one message now, in English.  Never raises.

    ``key`` is the same whenever the same message is sent again; webhooks get it as ``webhook-id``.
    Must run outside a transaction: it takes up to 30 seconds.
    """
    # here: what only shows channels makes no call
    from relay.delivery.attempt.run import Sender, refused
    from relay.delivery.shared_transport import shared_transport

    began, attempt_key = time.perf_counter(), uuid.uuid4().hex
    known: list[str] = []
    try:
        kind = CHANNEL_KINDS.get(address.kind)
        if kind is None:
            raise Undeliverable(
                "unknown_kind",
                _("This Relay does not know the kind %(kind)s. Update it.", kind=address.kind),
            )
        hidden = secrets.resolve_all(secrets.open_sealed(address.sealed_secrets))
        known += secret_values(hidden)
        config = {**address.config, **hidden, **NO_LINKS}
        message = Message(
            event_id=f"alert-{body['id']}",
            event_type=str(body["type"]),
            received_at=at,
            payload={},
            data={},
            site_name="Relay",
            site_url="",
            key=key,
            attempt_key=attempt_key,
            traceparent=traceparent(f"alert-{body['id']}", attempt_key),
            is_test=is_test,
            mapped=texts.fields_of(address.kind, body, address.timezone),
            has_mapping=True,
            relay_url=body["url"] if texts.is_absolute(body["url"]) else "",
        )
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        (result,) = kind.deliver(config, [message], Sender(kind, config, shared_transport(app)))
        signal = result.signal
    except VaultUnavailable as exc:  # that passes, so the message is sent again
        signal = Failed("cannot_open_secret", str(exc))
    except Exception as exc:  # whatever it is, the other channels go on and a person reads about it
        signal = refused(exc)
    # a service may repeat a secret in its answer
    sentence = mask_text(in_other_words(str(getattr(signal, "sentence", ""))), known)
    return ChannelResult(signal, sentence, (time.perf_counter() - began) * 1000)


def in_other_words(sentence: str) -> str:
    """The sentence of a kind about an error, for a channel."""
    for destination, channel in IN_OTHER_WORDS:
        sentence = sentence.replace(destination, channel)
    return sentence
