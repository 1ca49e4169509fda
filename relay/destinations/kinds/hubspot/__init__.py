"""HubSpot: contacts, and deals for orders, or submissions of a form for leads.

Everything is written under a unique value (a contact under its e-mail address, a deal under a field
that Relay makes for it), so a repeated call changes nothing.

Source: https://developers.hubspot.com/docs/api-reference
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from relay.destinations.base import (
    Call,
    Kind,
    Message,
    MessageResult,
    ReportedQuota,
    Rule,
    Send,
    TargetField,
)
from relay.destinations.kinds.hubspot import account as hubspot_account
from relay.destinations.kinds.hubspot import api, errors, form, limits, records
from relay.destinations.kinds.hubspot.batches import BatchWriter, Written, associate
from relay.destinations.kinds.hubspot.deals import write_deals
from relay.destinations.kinds.hubspot.default_mapping import UNMAPPED, rules_for
from relay.destinations.kinds.hubspot.settings import MOST_RECORDS, HubSpotSchema
from relay.errors import Undeliverable
from relay.event_types import TEST
from relay.rules.lifecycle import Accepted, Refused, Signal
from relay.transport.request import OutboundRequest, Reply


class HubSpot(Kind):
    slug = "hubspot"
    name = "HubSpot"
    tagline = "Writes orders as deals, and customers and leads as contacts."
    icon = "affiliate"
    has_account = True
    unmapped_types = UNMAPPED
    default_event_types = ("order.*", "lead.created")
    default_rate = (9, "second")
    duplicate_note = (
        "HubSpot knows a contact by its e-mail address and a deal by its order: what arrived before is "
        "written once more over itself. A form's submission is shown twice on its contact."
    )
    schema = HubSpotSchema()
    example_secrets = {"token": "pat-example-token"}

    def targets(
        self, config: Mapping[str, Any], account: Mapping[str, Any]
    ) -> tuple[TargetField, ...]:
        return hubspot_account.targets(account)

    def default_mapping(self, config: Mapping[str, Any], event_type: str) -> dict[str, Rule]:
        return rules_for(config.get("account") or {}, event_type)

    def build(self, config: Mapping[str, Any], message: Message) -> OutboundRequest:
        return self.preview_requests(config, message)[-1]

    def preview_requests(
        self, config: Mapping[str, Any], message: Message
    ) -> tuple[OutboundRequest, ...]:
        """The calls that write it.  Joining a deal to its contact needs their numbers, so it is not here."""
        if message.event_type == TEST:
            return (api.request(config, "GET", api.url(config, "details"), None, message),)
        parts = records.parts_of(message, config.get("account") or {})
        if form.wanted(config, message.event_type):
            return (form_request(config, message, parts),)
        found = []
        for one, object_type, unique in (
            (parts.contact, "contacts", "email"),
            (parts.deal, "deals", hubspot_account.ORDER_KEY),
        ):
            if one is not None:
                body = {"inputs": [one.as_input(unique)]}
                address = api.url(config, "upsert", object_type)
                found.append(api.request(config, "POST", address, body, message))
        return tuple(found)

    def deliver(
        self, config: Mapping[str, Any], messages: Sequence[Message], send: Send
    ) -> list[MessageResult]:
        found: dict[str, MessageResult] = {}
        written: list[tuple[Message, records.Parts]] = []
        the_api = api.Api(config, send)
        for message in messages:
            try:
                if message.event_type == TEST:
                    call = the_api.get("details", message=message)
                    signal = errors.signal_of(call.reply, the_api.account)
                    found[message.key] = MessageResult(signal, (call,))
                    continue
                parts = records.parts_of(message, the_api.account)
                if form.wanted(config, message.event_type):
                    request = form_request(config, message, parts)
                    reply = send(request)
                    found[message.key] = MessageResult(
                        errors.form_signal(reply, the_api.account), (Call(request, reply),)
                    )
                else:
                    written.append((message, parts))
            except Undeliverable as exc:
                found[message.key] = MessageResult(Refused(exc.code, str(exc), field=exc.field))
        found |= write(the_api, written)
        return [found[message.key] for message in messages]

    def classify(self, reply: Reply) -> Signal:
        return errors.signal_of(reply, {})

    def batch_limit(self, config: Mapping[str, Any], event_type: str) -> int:
        if event_type == TEST or form.wanted(config, event_type):
            return 1
        return int(config.get("batch_size", MOST_RECORDS))

    def quotas(self, config: Mapping[str, Any], reply: Reply) -> tuple[ReportedQuota, ...]:
        return limits.quotas_of(reply, config.get("account") or {})

    def read_account(self, config: Mapping[str, Any], send: Send) -> dict[str, Any]:
        return hubspot_account.read(api.Api(config, send))

    def action(self, config: Mapping[str, Any], event_type: str) -> str:
        if form.wanted(config, event_type):
            return "submit a form in {name}"
        return (
            "write a deal in {name}"
            if event_type.startswith("order.")
            else "write a contact in {name}"
        )

    def summary(self, config: Mapping[str, Any]) -> str:
        portal = (config.get("account") or {}).get("portal_id") or config.get("portal_id")
        return f"HubSpot account {portal}" if portal else "A HubSpot account"


def form_request(
    config: Mapping[str, Any], message: Message, parts: records.Parts
) -> OutboundRequest:
    if parts.contact is None:
        sentence = "This lead has no e-mail address, and the form needs one."
        raise Undeliverable("no_email", sentence, "email")
    return form.request(config, message, parts.contact.properties)


def write(
    the_api: api.Api, wanted: Sequence[tuple[Message, records.Parts]]
) -> dict[str, MessageResult]:
    """Contacts, then deals, then what joins them; each step only for those that came through the last."""
    calls: dict[str, tuple[Call, ...]] = {message.key: () for message, _ in wanted}
    signals: dict[str, Signal] = {}

    def take(messages: Sequence[Message], came: Sequence[Written]) -> dict[str, str]:
        for message, one in zip(messages, came, strict=True):
            calls[message.key] += one.calls
            if one.signal is not None:
                signals[message.key] = one.signal
        return {m.key: one.id for m, one in zip(messages, came, strict=True) if one.signal is None}

    contacts = [parts.contact for _, parts in wanted if parts.contact]
    people = take(
        [one.message for one in contacts], BatchWriter(the_api, "contacts", "email").write(contacts)
    )
    deals = [parts.deal for m, parts in wanted if parts.deal and m.key not in signals]
    made = take([one.message for one in deals], write_deals(the_api, deals))
    pairs = [
        (m, made[m.key], people[m.key]) for m, _ in wanted if {m.key} <= made.keys() & people.keys()
    ]
    take([message for message, _, _ in pairs], associate(the_api, pairs))
    return {
        message.key: MessageResult(signals.get(message.key, Accepted()), calls[message.key])
        for message, _ in wanted
    }


KIND = HubSpot()
