"""HubSpot: writes contacts, deals for orders, and form submissions for leads.

Contacts and deals are upserted by a unique value, so a repeated call changes nothing.  For a contact
it is the e-mail address, for a deal the property that Relay creates for it.

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
from relay.destinations.kinds.hubspot.settings import MAX_RECORDS, HubSpotSchema
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
        "HubSpot identifies a contact by its e-mail address and a deal by its order, so a duplicate "
        "overwrites them with the same values. A form submission appears twice on its contact."
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
        """The calls that write the records.

        The call that associates a deal with its contact is missing: it needs the ids of both records.
        """
        if message.event_type == TEST:
            return (api.request(config, "GET", api.url(config, "details"), None, message),)
        pair = records.records_of(message, config.get("account") or {})
        if form.is_used(config, message.event_type):
            return (form_request(config, message, pair),)
        requests = []
        for record, object_type, id_property in (
            (pair.contact, "contacts", "email"),
            (pair.deal, "deals", hubspot_account.ORDER_KEY),
        ):
            if record is not None:
                body = {"inputs": [record.as_input(id_property)]}
                url = api.url(config, "upsert", object_type)
                requests.append(api.request(config, "POST", url, body, message))
        return tuple(requests)

    def deliver(
        self, config: Mapping[str, Any], messages: Sequence[Message], send: Send
    ) -> list[MessageResult]:
        results: dict[str, MessageResult] = {}
        to_write: list[tuple[Message, records.RecordPair]] = []
        client = api.Api(config, send)
        for message in messages:
            try:
                if message.event_type == TEST:
                    call = client.get("details", message=message)
                    signal = errors.signal_of(call.reply, client.account)
                    results[message.key] = MessageResult(signal, (call,))
                    continue
                pair = records.records_of(message, client.account)
                if form.is_used(config, message.event_type):
                    request = form_request(config, message, pair)
                    reply = send(request)
                    results[message.key] = MessageResult(
                        errors.form_signal(reply, client.account), (Call(request, reply),)
                    )
                else:
                    to_write.append((message, pair))
            except Undeliverable as exc:
                results[message.key] = MessageResult(Refused(exc.code, str(exc), field=exc.field))
        results |= write(client, to_write)
        return [results[message.key] for message in messages]

    def classify(self, reply: Reply) -> Signal:
        return errors.signal_of(reply, {})

    def batch_limit(self, config: Mapping[str, Any], event_type: str) -> int:
        if event_type == TEST or form.is_used(config, event_type):
            return 1
        return int(config.get("batch_size", MAX_RECORDS))

    def quotas(self, config: Mapping[str, Any], reply: Reply) -> tuple[ReportedQuota, ...]:
        return limits.quotas_of(reply, config.get("account") or {})

    def read_account(self, config: Mapping[str, Any], send: Send) -> dict[str, Any]:
        return hubspot_account.read(api.Api(config, send))

    def action(self, config: Mapping[str, Any], event_type: str) -> str:
        if form.is_used(config, event_type):
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
    config: Mapping[str, Any], message: Message, pair: records.RecordPair
) -> OutboundRequest:
    if pair.contact is None:
        sentence = "This lead has no e-mail address, which the form in HubSpot requires."
        raise Undeliverable("no_email", sentence, "email")
    return form.request(config, message, pair.contact.properties)


def write(
    client: api.Api, to_write: Sequence[tuple[Message, records.RecordPair]]
) -> dict[str, MessageResult]:
    """Write the contacts, then the deals, then their associations.

    A message that fails in one step is left out of the next ones.
    """
    calls: dict[str, tuple[Call, ...]] = {message.key: () for message, _ in to_write}
    signals: dict[str, Signal] = {}

    def collect(messages: Sequence[Message], results: Sequence[Written]) -> dict[str, str]:
        """Add the calls and errors of a step.  -> HubSpot's id of each written record, by message"""
        ids = {}
        for message, written in zip(messages, results, strict=True):
            calls[message.key] += written.calls
            if written.signal is None:
                ids[message.key] = written.id
            else:
                signals[message.key] = written.signal
        return ids

    contacts = [pair.contact for _, pair in to_write if pair.contact]
    contact_ids = collect(
        [record.message for record in contacts],
        BatchWriter(client, "contacts", "email").write(contacts),
    )
    deals = [pair.deal for m, pair in to_write if pair.deal and m.key not in signals]
    deal_ids = collect([record.message for record in deals], write_deals(client, deals))
    both = deal_ids.keys() & contact_ids.keys()
    associations = [(m, deal_ids[m.key], contact_ids[m.key]) for m, _ in to_write if m.key in both]
    collect([message for message, _, _ in associations], associate(client, associations))
    return {
        message.key: MessageResult(signals.get(message.key, Accepted()), calls[message.key])
        for message, _ in to_write
    }


KIND = HubSpot()
