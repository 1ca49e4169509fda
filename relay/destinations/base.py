"""The interface of a kind of destination.

A kind gets frozen data and returns frozen data: no Flask, no database, no Redis.  A new kind is
one module in ``kinds/`` with a ``ConfigSchema`` and a ``Kind``.  The form, the validation, the masking
of secrets and the help come from the schema.  ``docs/extending.md`` has a complete example.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from relay.destinations.outcomes.http import classify
from relay.i18n import N_
from relay.rules import lifecycle
from relay.rules.changes import OlderChange
from relay.rules.notes import Note
from relay.rules.on_status import Choices
from relay.transport.request import OutboundRequest, Reply

if TYPE_CHECKING:
    from relay.destinations.schema import ConfigSchema


@dataclass(frozen=True)
class SiteKey:
    """The signing keys of a site: the id and the secret of the newest one.

    ``retiring`` has the secrets of older keys in their rotation window.  A site that has not fetched
    the newest key yet verifies with them.
    """

    key_id: str
    secret: str = field(repr=False)
    retiring: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Message:
    """One delivery, as a kind gets it.

    ``payload`` is the whole body that the site sent, ``data`` the event's ``data`` object in it.
    ``key`` identifies the delivery: it is the same on every attempt and replay and has no dots.
    ``attempt_key`` identifies one call.  ``site_name``, ``site_url`` and ``site_key`` are those of
    the source; only kinds with ``signs_for_site`` get its signing keys.
    ``is_test`` marks a test that a person sent.
    ``ai`` has the answer of the subscription's AI step, by field; empty without one.
    ``mapped`` has the values of the mapping, by the name of the target.  For a kind with
    ``open_fields`` it is the body; if it is empty, the whole event is sent.  ``has_mapping`` is false
    for an event type without rules.  ``notes`` say which values do not fit and are left out.
    ``person`` is the name and the e-mail address of who wrote, ordered or registered, as the event has
    them, and not validated; only kinds with ``writes_to_person`` get it.
    ``relay_url`` is the event's page in Relay; empty if Relay's own URL is not set.
    ``texts`` has the texts of the settings (``Kind.setting_texts``) filled from the event, by setting.
    ``is_older``: the destination already got a newer change of the same object, and the kind marks
    such messages (``Kind.older_changes``).
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
    has_mapping: bool = False
    notes: tuple[Note, ...] = ()
    site_key: SiteKey | None = None
    relay_url: str = ""
    person: tuple[str, str] = ("", "")
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_older: bool = False


class TextStyle(StrEnum):
    """What a text of the settings becomes, and so how its values are escaped."""

    PLAIN = "plain"
    JSON = "json"  # values are escaped for JSON, and the result must be valid JSON
    PATH = "path"  # values are escaped for a URL's path and must not be empty


@dataclass(frozen=True)
class SettingText:
    """Liquid texts in a setting that are filled from each event, whatever the mapping is."""

    setting: str
    lines: tuple[str, ...]
    style: TextStyle = TextStyle.PLAIN


@dataclass(frozen=True)
class TargetField:
    """A field of a destination that a mapping can fill.

    ``type`` is ``text``, ``long_text``, ``email``, ``number``, ``date``, ``day`` (a date without a
    time), ``yes_no``, ``choice`` or ``choices`` (one or several of ``choices``, as
    ``(value, label)``).  ``group`` is the object that the field belongs to, such as "Contact".
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
    """One call, as far as it concerns one delivery.

    If the call was for several deliveries, ``request`` and ``reply`` have only the part of this one.
    ``together`` is the number of deliveries in the call.
    """

    request: OutboundRequest
    reply: Reply
    together: int = 1


@dataclass(frozen=True)
class MessageResult:
    """The outcome of one message, and its calls in the order they were made.

    ``by_status``: the last call was the one that delivers the message, so the destination's retry
    settings for its status apply.
    ``notes`` say what the kind or the service left out, in addition to those of the message.
    """

    signal: lifecycle.Signal
    calls: tuple[Call, ...] = ()
    notes: tuple[Note, ...] = ()
    by_status: bool = True


@dataclass(frozen=True)
class AccessResult:
    """The result of a check of credentials.  ``text`` is the account that they belong to, as "Connected as …"."""

    signal: lifecycle.Signal
    text: str = ""


@dataclass(frozen=True)
class ReportedQuota:
    """How much of a quota is left, as a response of the service reports it.

    ``name`` identifies the quota within the destination; ``label`` says what it counts, such as
    "calls a day".  ``resets_at`` is when it resets, if known.
    """

    name: str
    label: str
    limit: int
    remaining: int
    resets_at: datetime | None = None


@dataclass(frozen=True)
class Digest:
    """Send one summary of up to ``most`` messages when more than ``above`` are due.

    At most one summary is sent every ``every_s`` seconds.
    """

    above: int
    every_s: float = 60.0
    most: int = 500


# Makes one call.  All calls of a delivery share one deadline.
Send = Callable[[OutboundRequest], Reply]

# How a target is filled, as stored: {"path": ["data", "author"]} is a field of the event,
# {"computed": "lead.email"} a computed field (relay.mapping.computed), with values of the destination
# in "with" where it needs some, {"text": "Hello {{ data.author }}"} a fixed text or a Liquid template.
# "default" is used if the result is empty, "as" is the type of a target that the person named.
Rule = Mapping[str, Any]


def standard_text(template: str) -> Rule:
    """The rule of a kind's own text for an event type.

    Only the choice is stored, without ``template``: a delivery uses the kind's newest text.
    """
    return {"computed": "message.standard", "template": template}


class Kind:
    """One kind of destination.  Subclasses build the requests and interpret the replies."""

    slug: ClassVar[str]
    name: ClassVar[str]
    tagline: ClassVar[str]
    icon: ClassVar[str]  # a Tabler icon's name
    schema: ClassVar[ConfigSchema]
    stores_locally: ClassVar[bool] = False  # its messages stay in Relay, on a page of their own
    takes_events: ClassVar[bool] = True  # whether it can have subscriptions of its own
    escapes_html: ClassVar[bool] = False  # whether & < > of event data become &amp; &lt; &gt;
    open_fields: ClassVar[bool] = False  # a mapping can name its own targets; dots make objects
    signs_for_site: ClassVar[bool] = False  # whether it needs ``message.site_key``
    writes_to_person: ClassVar[bool] = False  # whether it needs ``message.person``
    setup_link: ClassVar[tuple[str, str]] = ("", "")  # label and URL of a page of the service
    has_account: ClassVar[bool] = False  # whether ``read_account`` returns anything
    default_event_types: ClassVar[tuple[str, ...]] = ("*",)  # selected for a new destination
    default_rate: ClassVar[tuple[int, str] | None] = None  # of a new destination: calls per unit
    is_internal: ClassVar[bool] = False  # Relay's own: people neither see nor set it up
    answers_http: ClassVar[bool] = True  # whether its replies have an HTTP status
    on_status: ClassVar[Choices] = {}  # what it does after an HTTP status, unless a person chose
    unmapped_types: ClassVar[Mapping[str, str]] = {}  # without a default mapping, and why
    # Settings that pass the schema, for tests and docs.  None of these secrets is real.
    example_config: ClassVar[Mapping[str, Any]] = {}
    example_secrets: ClassVar[Mapping[str, str]] = {}
    duplicate_note: ClassVar[str] = (  # what happens to a message that arrives twice
        N_(
            "Each has the same Idempotency-Key as before. A receiver that supports it ignores the duplicate."
        )
    )

    def targets(
        self, config: Mapping[str, Any], account: Mapping[str, Any]
    ) -> tuple[TargetField, ...]:
        """The fields that a mapping can fill.  ``account`` is the last result of ``read_account``."""
        return ()

    def unused_mapping(self, config: Mapping[str, Any]) -> str:
        """Why a mapping changes nothing with these settings, as a sentence; empty if it is used."""
        return ""

    def default_mapping(self, config: Mapping[str, Any], event_type: str) -> dict[str, Rule]:
        """The mapping of a subscription without its own: a rule for each target it fills."""
        return {}

    def setting_texts(self, config: Mapping[str, Any]) -> tuple[SettingText, ...]:
        """The settings that are filled from each event, for ``message.texts``."""
        return ()

    def can_omit(self, target: str, values: Mapping[str, Any]) -> bool:
        """Whether a message can be sent without this required target, because ``values``, the other
        targets, are enough.
        """
        return False

    def notes_of(self, config: Mapping[str, Any], message: Message) -> tuple[Note, ...]:
        """What ``deliver`` will leave out for reasons of its own, for a preview."""
        return ()

    def older_changes(self, config: Mapping[str, Any]) -> OlderChange:
        """What happens to a change of an object, such as an order, that is older than one that was
        delivered.  Only events with a revision have such an order.
        """
        return OlderChange.SEND

    def build(self, config: Mapping[str, Any], message: Message) -> OutboundRequest:
        """The request for one message.  Raises Undeliverable if it cannot be built."""
        raise NotImplementedError

    def preview_requests(
        self, config: Mapping[str, Any], message: Message
    ) -> tuple[OutboundRequest, ...]:
        """All requests of one message, for a preview.  Raises Undeliverable."""
        return (self.build(config, message),)

    def deliver(
        self, config: Mapping[str, Any], messages: Sequence[Message], send: Send
    ) -> list[MessageResult]:
        """Send messages, in one call or several.  -> the result of each, in the same order

        ``config["account"]`` is the last result of ``read_account``, if there is one.
        Raises Undeliverable only if it got a single message.
        """
        results = []
        for message in messages:
            request = self.build(config, message)
            reply = send(request)
            results.append(MessageResult(self.classify(reply), (Call(request, reply),)))
        return results

    def batch_limit(self, config: Mapping[str, Any], event_type: str) -> int:
        """How many messages of that type ``deliver`` takes; with an empty type, the maximum."""
        return 1

    def digest(self, config: Mapping[str, Any]) -> Digest | None:
        """When to send many messages as one summary.  ``deliver`` then gets all of them."""
        return None

    def quotas(self, config: Mapping[str, Any], reply: Reply) -> tuple[ReportedQuota, ...]:
        """The quotas that a response reports."""
        return ()

    def read_account(self, config: Mapping[str, Any], send: Send) -> dict[str, Any]:
        """Read what mappings and calls need to know about the account.  Raises Undeliverable."""
        return {}

    def has_access_check(self, config: Mapping[str, Any]) -> bool:
        """Whether ``check_access`` can check these settings with a call that changes nothing."""
        return False

    def check_access(self, config: Mapping[str, Any], send: Send) -> AccessResult:
        """Check the credentials with one cheap call that changes nothing.  Raises Undeliverable."""
        raise NotImplementedError

    def send(self, request: OutboundRequest, transport: Any) -> Reply:
        """Make one call over a ``transport.client.Transport``.  Kinds without HTTP override this."""
        return transport.send(request)

    def classify(self, reply: Reply) -> lifecycle.Signal:
        """The outcome of a reply: Accepted, Failed, Held or Refused."""
        return classify(reply)

    def new_secrets(self, values: Mapping[str, Any]) -> dict[str, str]:
        """The secrets that Relay makes for a new destination with these settings, by field: those that
        it shares with the receiver and that nobody has entered.
        """
        return {}

    def corrections(self, values: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
        """What was corrected when ``values`` were saved as ``config``, each as a sentence."""
        return []

    def action(self, config: Mapping[str, Any], event_type: str) -> str:
        """What it does with an event, such as "create a deal in {name}" (the destination's name)."""
        return N_("send it to {name}")

    def summary(self, config: Mapping[str, Any]) -> str:
        """Where it sends to, in a few words without secrets, for lists."""
        return self.name
