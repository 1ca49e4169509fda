"""Writes deals by a unique property, which Relay creates in the account when it first needs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from relay.destinations.kinds.hubspot import errors
from relay.destinations.kinds.hubspot.account import ORDER_KEY
from relay.destinations.kinds.hubspot.api import Api, url
from relay.destinations.kinds.hubspot.batches import BatchWriter, Record, Written
from relay.i18n import N_
from relay.rules.lifecycle import Accepted, Failed, Refused

PROPERTY = {
    "name": ORDER_KEY,
    "label": "Relay order key",  # i18n: keep
    "description": "The site and the order. Relay identifies deals by it, so that no order becomes two deals.",  # i18n: keep
    "groupName": "dealinformation",
    "type": "string",
    "fieldType": "text",
    "hasUniqueValue": True,
    "formField": False,
}
NEW_PROPERTY = Failed(
    "new_property",
    N_(
        "Relay has just created the property in HubSpot that identifies deals, and HubSpot does not use it "
        "yet. Relay retries."
    ),
    5.0,
)


def write_deals(api: Api, records: Sequence[Record]) -> list[Written]:
    """Write the deals.  -> the result of each, in the same order

    If the account does not have the property yet, create it and write all deals again.
    """
    if not records:
        return []
    first = BatchWriter(api, "deals", ORDER_KEY).write(records)
    if not any(lacks_property(written) for written in first):
        return first
    created = create_property(api, records[0])
    if created.signal is not None:
        return [
            replace(written, calls=written.calls + created.calls, signal=created.signal)
            for written in first
        ]
    second = BatchWriter(api, "deals", ORDER_KEY).write(records)
    return [
        Written(
            before.calls + created.calls + after.calls,
            after.id,
            NEW_PROPERTY if lacks_property(after) else after.signal,
            after.notes,
        )
        for before, after in zip(first, second, strict=True)
    ]


def lacks_property(written: Written) -> bool:
    """Whether the account does not have Relay's property, or has it without unique values."""
    signal = written.signal
    return isinstance(signal, Refused) and (
        (signal.field == ORDER_KEY and signal.code == "unknown_property")
        or (bool(written.calls) and "non-unique" in written.calls[-1].reply.text)
    )


def create_property(api: Api, record: Record) -> Written:
    """Create the property.  A 409 is success: another worker has created it."""
    call = api.post(url(api.config, "properties", "deals"), PROPERTY, record.message)
    if call.reply.status == 409:
        return Written((call,))
    signal = errors.signal_of(call.reply, api.account)
    return Written((call,), signal=None if isinstance(signal, Accepted) else signal)
