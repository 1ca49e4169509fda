"""What a kind of destination is.

A kind sees frozen data and returns frozen data: no Flask, no database, no Redis.  A new kind is
one module in ``kinds/`` with a ``ConfigSchema`` and a ``Kind``; the schema draws its form, checks
its input, masks its secrets and writes its help.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from marshmallow import RAISE, Schema

from relay import lifecycle
from relay.destinations.reply import Reply, classify


@dataclass(frozen=True)
class Message:
    """One delivery as a kind sees it.

    ``data`` is the event's ``data`` object, ``payload`` the whole body as the site sent it.
    ``key`` names the delivery (the same on every attempt and replay, no dots), ``attempt_key`` one call.
    ``site_name`` and ``site_url`` are those of the source.  ``is_test`` marks a person's test-send.
    ``mapped`` holds what the mapping made for each of the kind's targets, by name; for a kind with
    ``free_targets`` it is the body, or empty where the whole event is to go.
    """

    event_id: str
    event_type: str
    received_at: datetime
    payload: Mapping[str, Any]
    data: Mapping[str, Any]
    site_name: str
    site_url: str
    key: str
    attempt_key: str
    traceparent: str
    is_test: bool = False
    mapped: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """A field of a destination that a mapping can fill.

    ``type`` is ``text``, ``long_text``, ``email``, ``number``, ``date``, ``yes_no`` or ``choice`` (of
    ``choices``, as ``(value, label)``); ``group`` gathers the fields of one object, as "Contact".
    """

    name: str
    label: str
    type: str = "text"
    required: bool = False
    help: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    group: str = ""


@dataclass(frozen=True)
class OutboundRequest:
    """One HTTP call, ready to send.  ``secrets`` are the literal values to mask when it is shown."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    timeout_s: float = 30.0
    secrets: tuple[str, ...] = ()


__all__ = [
    "ConfigSchema",
    "Kind",
    "Message",
    "OutboundRequest",
    "Reply",
    "Rule",
    "Target",
    "classify",
    "is_reference",
]


# How a target is filled, as it is stored: {"path": ["data", "author"]} takes a field of the event,
# {"text": "Hello {{ data.author }}"} a Liquid text; "default" stands in where nothing came of it,
# "as" is the type of a free target.
Rule = Mapping[str, Any]


def is_reference(value: str) -> bool:
    """Whether a secret is only named here and looked up when it is sent (see ``relay.secrets``)."""
    return value.startswith(("env:", "file:", "vault:"))


class ConfigSchema(Schema):
    """Base of every kind's settings.

    A field's ``metadata`` speaks to the form: ``label``, ``help``, ``placeholder``, ``secret``
    (sealed at rest, write-only), ``widget`` (``text``, ``url``, ``textarea``, ``select``,
    ``headers``), ``template`` (Liquid, checked on saving), ``choices`` as ``[(value, label)]``, ``shown_if`` as ``{field: value}``.
    """

    class Meta:
        unknown = RAISE


class Kind:
    """One kind of destination.  Subclasses say how to build a call and how to read the answer."""

    slug: ClassVar[str]
    name: ClassVar[str]
    tagline: ClassVar[str]
    icon: ClassVar[str]  # a Tabler icon's name
    schema: ClassVar[ConfigSchema]
    keeps: ClassVar[bool] = False  # its messages stay here, to be read on its own page
    escapes: ClassVar[bool] = False  # whether a visitor's & < > are written as &amp; &lt; &gt;
    free_targets: ClassVar[bool] = False  # a mapping may name targets of its own; dots nest
    repeats: ClassVar[str] = (  # what comes of a message that arrives twice
        "Each carries the same Idempotency-Key as before: a receiver that honours it takes it once."
    )

    def targets(self, config: Mapping[str, Any], account: Mapping[str, Any]) -> tuple[Target, ...]:
        """What a mapping can fill.  ``account`` is what was last read of the account there, if anything."""
        return ()

    def ready_made(self, config: Mapping[str, Any], event_type: str) -> dict[str, Rule]:
        """The mapping where nobody made one: right on first use.  By target; it fills ``message.mapped``."""
        return {}

    def build(self, config: Mapping[str, Any], message: Message) -> OutboundRequest:
        """The call for one message.  Raises Undeliverable where it cannot be built."""
        raise NotImplementedError

    def send(self, request: OutboundRequest, transport: Any) -> Reply:
        """Make the call.  ``transport`` is an ``http.Transport``; kinds without a network override this."""
        return transport.send(request)

    def classify(self, reply: Reply) -> lifecycle.Signal:
        """What the answer means for the delivery: Accepted, Failed or Refused."""
        return classify(reply)

    def deed(self, config: Mapping[str, Any], event_type: str) -> str:
        """What it does with an event, ``{name}`` for the destination's: "create a deal in {name}"."""
        return "send it to {name}"

    def summary(self, config: Mapping[str, Any]) -> str:
        """Where it goes, in a few words without secrets, for lists."""
        return self.name
