"""Deals under a unique field of our own, which Relay makes in the account when it first needs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from relay.destinations.kinds.hubspot import errors
from relay.destinations.kinds.hubspot.account import ORDER_KEY
from relay.destinations.kinds.hubspot.api import Api, url
from relay.destinations.kinds.hubspot.batches import BatchWriter, Record, Written
from relay.rules.lifecycle import Accepted, Failed, Refused

PROPERTY = {
    "name": ORDER_KEY,
    "label": "Relay order key",
    "description": "The site and its order. Relay knows a deal by it, so that no order becomes two deals.",
    "groupName": "dealinformation",
    "type": "string",
    "fieldType": "text",
    "hasUniqueValue": True,
    "formField": False,
}
FRESH = Failed(
    "new_property",
    "HubSpot has just got the field that Relay knows deals by and does not use it yet. Relay tries again.",
    5.0,
)


def write_deals(api: Api, records: Sequence[Record]) -> list[Written]:
    """What came of each.  Where the account has no such field yet, it is made, and all go again."""
    if not records:
        return []
    first = BatchWriter(api, "deals", ORDER_KEY).write(records)
    if not any(lacks_key(one) for one in first):
        return first
    made = make_property(api, records[0])
    if made.signal is not None:
        return [replace(one, calls=one.calls + made.calls, signal=made.signal) for one in first]
    again = BatchWriter(api, "deals", ORDER_KEY).write(records)
    return [
        Written(
            before.calls + made.calls + after.calls,
            after.id,
            FRESH if lacks_key(after) else after.signal,
        )
        for before, after in zip(first, again, strict=True)
    ]


def lacks_key(one: Written) -> bool:
    """Whether the account does not have our field, or not as a unique one."""
    signal = one.signal
    return isinstance(signal, Refused) and (
        (signal.field == ORDER_KEY and signal.code == "unknown_property")
        or (bool(one.calls) and "non-unique" in one.calls[-1].reply.text)
    )


def make_property(api: Api, record: Record) -> Written:
    """Make the field; it is the same whoever makes it, so one that is there already is well."""
    call = api.post(url(api.config, "properties", "deals"), PROPERTY, record.message)
    if call.reply.status == 409:
        return Written((call,))
    signal = errors.signal_of(call.reply, api.account)
    return Written((call,), signal=None if isinstance(signal, Accepted) else signal)
