"""HubSpot: writes contacts, deals for orders, and form submissions for leads.

Contacts and deals are upserted by a unique value, so a repeated call changes nothing.  For a contact
it is the e-mail address, for a deal the property that Relay creates for it.

Source: https://developers.hubspot.com/docs/api-reference
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from relay.destinations.base import (
    AccessResult,
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
from relay.destinations.kinds.hubspot import api, errors, form, limits, money, records
from relay.destinations.kinds.hubspot.batches import BatchWriter, Record, Written, associate
from relay.destinations.kinds.hubspot.deals import write_deals
from relay.destinations.kinds.hubspot.default_mapping import UNMAPPED, rules_for
from relay.destinations.kinds.hubspot.parsing import body_of
from relay.destinations.kinds.hubspot.settings import MAX_RECORDS, HubSpotSchema
from relay.errors import Undeliverable
from relay.event_types import TEST
from relay.i18n import N_, _
from relay.rules.changes import OlderChange
from relay.rules.lifecycle import Accepted, Refused, Signal
from relay.rules.notes import Note
from relay.transport.request import OutboundRequest, Reply


class HubSpot(Kind):
    slug = "hubspot"
    name = "HubSpot"
    tagline = N_("Writes orders as deals, and customers and leads as contacts.")
    icon = "affiliate"
    has_account = True
    unmapped_types = UNMAPPED
    default_event_types = ("order.*", "lead.created", money.REFUNDED)
    default_rate = (9, "second")
    duplicate_note = N_(
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

    def older_changes(self, config: Mapping[str, Any]) -> OlderChange:
        """A deal never returns to an earlier stage."""
        return OlderChange.SKIP

    def can_omit(self, target: str, values: Mapping[str, Any]) -> bool:
        """An order's deal is written without its contact."""
        return target == "contact.email" and any(name.startswith("deal.") for name in values)

    def notes_of(self, config: Mapping[str, Any], message: Message) -> tuple[Note, ...]:
        if message.event_type == TEST:
            return ()
        pair = pair_of(config, message)
        deal_notes = pair.deal.notes if pair.deal else ()
        return (*pair.notes, *deal_notes)

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
        pair = pair_of(config, message)
        if form.is_used(config, message.event_type):
            return (form.request(config, message, contact_of(pair).properties),)
        if pair.contact is None and pair.deal is None:
            raise Undeliverable("nothing_to_write", pair.notes[0].sentence)
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
        config, results = with_currencies(config, messages, send)
        to_write: list[tuple[Message, records.RecordPair]] = []
        client = api.Api(config, send)
        for message in messages:
            if message.key in results:
                continue
            try:
                if message.event_type == TEST:
                    call = client.get("details", message=message)
                    signal = errors.signal_of(call.reply, client.account)
                    results[message.key] = MessageResult(signal, (call,))
                    continue
                pair = pair_of(config, message)
                if pair.contact is None and pair.deal is None:
                    results[message.key] = MessageResult(Accepted(), notes=pair.notes)
                elif form.is_used(config, message.event_type):
                    contact = contact_of(pair)
                    results[message.key] = form.submit(
                        client, message, contact.properties, pair.notes
                    )
                else:
                    to_write.append((message, pair))
            except Undeliverable as exc:
                results[message.key] = MessageResult(Refused(exc.code, str(exc), field=exc.field))
        results |= write(client, to_write)
        return [results[message.key] for message in messages]

    def has_access_check(self, config: Mapping[str, Any]) -> bool:
        return True

    def check_access(self, config: Mapping[str, Any], send: Send) -> AccessResult:
        """Source: https://developers.hubspot.com/docs/api-reference/latest/account/account-information/get-account-details"""
        client = api.Api(config, send)
        reply = client.get("details").reply
        signal = errors.signal_of(reply, {})
        portal = body_of(reply).get("portalId")
        return AccessResult(
            signal, _("Connected to HubSpot account %(portal)s.", portal=portal) if portal else ""
        )

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
            return N_("submit a form in {name}")
        return (
            N_("write a deal in {name}")
            if event_type.startswith("order.") or event_type == money.REFUNDED
            else N_("write a contact in {name}")
        )

    def summary(self, config: Mapping[str, Any]) -> str:
        portal = (config.get("account") or {}).get("portal_id") or config.get("portal_id")
        return _("HubSpot account %(portal)s", portal=portal) if portal else _("A HubSpot account")


def pair_of(config: Mapping[str, Any], message: Message) -> records.RecordPair:
    """The records of one message, by the destination's settings.  Raises Undeliverable."""
    other_currency = str(config.get("other_currency", money.HOLD))
    return records.records_of(message, config.get("account") or {}, other_currency)


def contact_of(pair: records.RecordPair) -> Record:
    """The contact for a form.  Raises Undeliverable if there is none."""
    if pair.contact is None:
        sentence = _("This lead has no e-mail address, which the form in HubSpot requires.")
        raise Undeliverable("no_email", sentence, "email")
    return pair.contact


def with_currencies(
    config: Mapping[str, Any], messages: Sequence[Message], send: Send
) -> tuple[Mapping[str, Any], dict[str, MessageResult]]:
    """The settings with the account's currencies, read now if they are needed and not stored yet.

    If they cannot be read, the messages that need them have that result.
    """
    account = config.get("account") or {}
    in_need = [message for message in messages if money.needs_currencies(message, account)]
    if not in_need:
        return config, {}
    call = api.Api(config, send).get("details")
    signal = errors.signal_of(call.reply, account)
    if not isinstance(signal, Accepted):
        return config, {message.key: MessageResult(signal, (call,)) for message in in_need}
    currencies = hubspot_account.currencies_in(body_of(call.reply))
    return {**config, "account": {**account, "currencies": currencies}}, {}


def write(
    client: api.Api, to_write: Sequence[tuple[Message, records.RecordPair]]
) -> dict[str, MessageResult]:
    """Write the contacts, then the deals, then their associations.

    A message that fails in one step is left out of the next ones.  A deal is written without its
    contact if HubSpot refuses the contact.
    """
    steps = Steps(to_write)
    contacts = [pair.contact for _, pair in to_write if pair.contact]
    contact_ids = steps.collect(
        [record.message for record in contacts],
        BatchWriter(client, "contacts", "email").write(contacts),
        records.CONTACT,
    )
    deals = [pair.deal for m, pair in to_write if pair.deal and m.key not in steps.signals]
    deal_ids = steps.collect([record.message for record in deals], write_deals(client, deals))
    both = deal_ids.keys() & contact_ids.keys()
    pairs = [(m, deal_ids[m.key], contact_ids[m.key]) for m, _ in to_write if m.key in both]
    links = associate(client, pairs)
    steps.collect([message for message, _, _ in pairs], links, N_("the link from deal to contact"))
    return steps.results()


class Steps:
    """The calls, errors and notes of the steps in which messages are written."""

    def __init__(self, to_write: Sequence[tuple[Message, records.RecordPair]]):
        self.messages = [message for message, _ in to_write]
        self.calls: dict[str, tuple[Call, ...]] = {m.key: () for m in self.messages}
        self.notes = {message.key: pair.notes for message, pair in to_write}
        self.with_deal = {message.key for message, pair in to_write if pair.deal}
        self.signals: dict[str, Signal] = {}

    def collect(
        self, messages: Sequence[Message], results: Sequence[Written], optional: str = ""
    ) -> dict[str, str]:
        """Add the results of a step.  -> HubSpot's id of each written record, by message

        What HubSpot refuses in a step named ``optional`` becomes a note of a message with a deal.
        """
        ids = {}
        for message, written in zip(messages, results, strict=True):
            key, signal = message.key, written.signal
            self.calls[key] += written.calls
            self.notes[key] += written.notes
            if signal is None:
                ids[key] = written.id
            elif optional and key in self.with_deal and is_about_the_record(signal):
                reason = getattr(signal, "sentence", "").partition(". ")[0].rstrip(".")
                self.notes[key] += (Note(getattr(signal, "field", ""), optional, reason),)
            else:
                self.signals[key] = signal
        return ids

    def results(self) -> dict[str, MessageResult]:
        return {
            message.key: MessageResult(
                self.signals.get(message.key, Accepted()),
                self.calls[message.key],
                self.notes[message.key],
            )
            for message in self.messages
        }


def is_about_the_record(signal: Signal) -> bool:
    """Whether HubSpot refuses this record only: not the account, and not for the moment."""
    return isinstance(signal, Refused) and not signal.pause


KIND = HubSpot()
