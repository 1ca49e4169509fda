"""What a kind of destination is.

A kind gets frozen data and returns frozen data: no Flask, no database, no Redis.  A new kind is
one module in ``kinds/`` with a ``ConfigSchema`` and a ``Kind``.  The form, the validation, the masking
of secrets and the help come from the schema.  ``docs/extending.md`` has a complete example.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from marshmallow import RAISE, Schema

from relay.destinations.outcomes.http import classify
from relay.rules import lifecycle
from relay.transport.request import OutboundRequest, Reply


@dataclass(frozen=True)
class SiteKey:
    """What a site knows us by: the id and the secret of its newest signing key.

    ``retiring`` are the secrets of the older ones that still hold: a site that has not fetched the
    newest key yet can check by them.
    """

    key_id: str
    secret: str = field(repr=False)
    retiring: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Message:
    """One delivery as a kind sees it.

    ``data`` is the event's ``data`` object, ``payload`` the whole body as the site sent it.
    ``key`` names the delivery (the same on every attempt and replay, no dots), ``attempt_key`` one call.
    ``site_name`` and ``site_url`` are those of the source, ``site_key`` its signing keys, for the
    kinds that sign for it.  ``is_test`` marks a person's test-send.
    ``ai`` holds the answer of the subscription's AI step, by field; empty without one.
    ``mapped`` holds what the mapping made for each of the kind's targets, by name; for a kind with
    ``open_fields`` it is the body, or empty where the whole event is to go.
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
    ai: Mapping[str, Any] = field(default_factory=dict)
    mapped: Mapping[str, Any] = field(default_factory=dict)
    site_key: SiteKey | None = None


@dataclass(frozen=True)
class TargetField:
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
class Call:
    """One call as far as it concerns one delivery: of a call for many, its own share of both sides.

    ``together`` is for how many deliveries the call was.
    """

    request: OutboundRequest
    reply: Reply
    together: int = 1


@dataclass(frozen=True)
class MessageResult:
    """What came of one message, and the calls that were made for it, in their order."""

    signal: lifecycle.Signal
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True)
class ReportedQuota:
    """How much of an allowance is left, as the service's answer says.

    ``name`` tells the allowances of one destination apart, ``label`` says what is counted, as "calls
    a day".  ``resets_at`` is when it is whole again, if that is known.
    """

    name: str
    label: str
    limit: int
    remaining: int
    resets_at: datetime | None = None


@dataclass(frozen=True)
class Digest:
    """Above ``above`` waiting messages up to ``most`` go as one, at most every ``every_s`` seconds."""

    above: int
    every_s: float = 60.0
    most: int = 500


Send = Callable[
    [OutboundRequest], Reply
]  # makes one call; all calls of a delivery share a deadline

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
    ``headers``, ``number``), ``template`` (Liquid, checked on saving), ``choices`` as ``[(value, label)]``, ``shown_if`` as
    ``{field: value}``, ``advanced`` for what few people touch.
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
    stores_locally: ClassVar[bool] = False  # its messages stay here, to be read on its own page
    takes_events: ClassVar[bool] = True  # whether it can have subscriptions of its own
    escapes_html: ClassVar[bool] = False  # whether a visitor's & < > are written as &amp; &lt; &gt;
    open_fields: ClassVar[bool] = False  # a mapping may name targets of its own; dots nest
    signs_for_site: ClassVar[bool] = False  # whether it needs ``message.site_key``
    has_account: ClassVar[bool] = False  # whether ``read_account`` finds anything
    default_event_types: ClassVar[tuple[str, ...]] = ("*",)  # selected for a new destination
    default_rate: ClassVar[tuple[int, str] | None] = None  # of a new destination: calls per unit
    unmapped_types: ClassVar[Mapping[str, str]] = {}  # without a default mapping, and why
    # Settings that pass the schema, for tests and docs.  None of these secrets is real.
    example_config: ClassVar[Mapping[str, Any]] = {}
    example_secrets: ClassVar[Mapping[str, str]] = {}
    duplicate_note: ClassVar[str] = (  # what comes of a message that arrives twice
        "Each carries the same Idempotency-Key as before: a receiver that honours it takes it once."
    )

    def targets(
        self, config: Mapping[str, Any], account: Mapping[str, Any]
    ) -> tuple[TargetField, ...]:
        """What a mapping can fill.  ``account`` is what was last read of the account there, if anything."""
        return ()

    def default_mapping(self, config: Mapping[str, Any], event_type: str) -> dict[str, Rule]:
        """The mapping of a subscription without its own: a rule for each target it fills."""
        return {}

    def build(self, config: Mapping[str, Any], message: Message) -> OutboundRequest:
        """The call for one message.  Raises Undeliverable where it cannot be built."""
        raise NotImplementedError

    def preview_requests(
        self, config: Mapping[str, Any], message: Message
    ) -> tuple[OutboundRequest, ...]:
        """All calls that one message makes, to be looked at.  Raises Undeliverable."""
        return (self.build(config, message),)

    def deliver(
        self, config: Mapping[str, Any], messages: Sequence[Message], send: Send
    ) -> list[MessageResult]:
        """Bring messages over, as many as may go together.  -> what came of each, in their order.

        ``config["account"]`` is what was last read of the account there, where there is one.
        May raise Undeliverable for a message alone.
        """
        done = []
        for message in messages:
            request = self.build(config, message)
            reply = send(request)
            done.append(MessageResult(self.classify(reply), (Call(request, reply),)))
        return done

    def batch_limit(self, config: Mapping[str, Any], event_type: str) -> int:
        """How many messages of that type may go together; of no type: at most."""
        return 1

    def digest(self, config: Mapping[str, Any]) -> Digest | None:
        """When many messages go as one summary, if ever: ``deliver`` then gets them all."""
        return None

    def quotas(self, config: Mapping[str, Any], reply: Reply) -> tuple[ReportedQuota, ...]:
        """What an answer tells of the allowances there."""
        return ()

    def read_account(self, config: Mapping[str, Any], send: Send) -> dict[str, Any]:
        """What a mapping and the calls need to know of the account there.  Raises Undeliverable."""
        return {}

    def send(self, request: OutboundRequest, transport: Any) -> Reply:
        """Make the call.  ``transport`` is an ``transport.client.Transport``; kinds without a network override this."""
        return transport.send(request)

    def classify(self, reply: Reply) -> lifecycle.Signal:
        """What the answer means for the delivery: Accepted, Failed or Refused."""
        return classify(reply)

    def action(self, config: Mapping[str, Any], event_type: str) -> str:
        """What it does with an event, ``{name}`` for the destination's: "create a deal in {name}"."""
        return "send it to {name}"

    def summary(self, config: Mapping[str, Any]) -> str:
        """Where it goes, in a few words without secrets, for lists."""
        return self.name
