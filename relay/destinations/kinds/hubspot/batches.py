"""Writes many records in few calls and returns a result for each record.

HubSpot responds 200 (all written), 207 (some written) or 400 (none written, because of some).
Records are upserted by a unique value, so writing one again changes nothing.  A property that HubSpot
refuses is left out and the rest is sent again, unless the record cannot do without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from relay.destinations.base import Call, Message
from relay.destinations.kinds.hubspot import errors
from relay.destinations.kinds.hubspot.account import OBJECTS, label_of
from relay.destinations.kinds.hubspot.api import Api, part_of, url
from relay.destinations.kinds.hubspot.parsing import body_of, object_at, objects, texts
from relay.i18n import N_
from relay.rules.lifecycle import Failed, Held, Refused, Signal
from relay.rules.notes import Note

NoteOf = Callable[[str, str], Note]  # the note for a property's name and a reason
MAX_CALLS = 24  # to find the invalid records of one batch
NO_RESULT = Failed(
    "no_result",
    N_(
        "HubSpot did not report whether it wrote this record. Relay retries; this makes no duplicate."
    ),
)
NOT_WRITTEN = Held(
    "batch_refused",
    N_("HubSpot rejected another record in the same call. Relay sends this one again."),
    1.0,
)


@dataclass(frozen=True)
class Record:
    """A record to write for one delivery.

    ``unique`` is the value that identifies it in HubSpot.  It is not written without the properties
    in ``required``; those in ``together`` are left out together.  ``notes`` say what was left out.
    """

    message: Message
    unique: str
    properties: Mapping[str, str]
    required: frozenset[str] = frozenset()
    together: frozenset[str] = frozenset()
    notes: tuple[Note, ...] = ()

    def without(self, named: Sequence[errors.FieldError], note_of: NoteOf) -> Record | None:
        """The record without the properties that HubSpot named; None if it must have one of them,
        or if it has none of them.
        """
        refused = {error.name: error for error in named if error.name in self.properties}
        if not refused or any(error.name in self.required for error in named):
            return None
        reasons = {name: error.reason_for(self.properties[name]) for name, error in refused.items()}
        if tied := self.together & reasons.keys():
            reasons |= dict.fromkeys(self.together & self.properties.keys(), reasons[min(tied)])
        kept = {name: text for name, text in self.properties.items() if name not in reasons}
        notes = (note_of(name, reason) for name, reason in reasons.items())
        return replace(self, properties=kept, notes=(*self.notes, *notes))

    def as_input(self, id_property: str) -> dict[str, Any]:
        return {
            "idProperty": id_property,
            "id": self.unique,
            "properties": dict(self.properties),
            "objectWriteTraceId": self.message.key,
        }


@dataclass(frozen=True)
class Written:
    """The result of one record: HubSpot's ``id`` for it, or the ``signal`` of the error.

    ``notes`` say what was left out of it.
    """

    calls: tuple[Call, ...]
    id: str = ""
    signal: Signal | None = None
    notes: tuple[Note, ...] = ()

    def after(self, earlier: tuple[Call, ...]) -> Written:
        """The same result with the calls before it."""
        return replace(self, calls=earlier + self.calls)


class BatchWriter:
    """Writes records of one type, ``contacts`` or ``deals``."""

    def __init__(self, api: Api, object_type: str, id_property: str):
        self.api, self.type, self.id_property = api, object_type, id_property
        self.calls_left = MAX_CALLS

    def write(self, records: Sequence[Record]) -> list[Written]:
        """Write the records.  -> the result of each, in the same order"""
        results: dict[int, Written] = {}
        for batch in batches_without_duplicates(records):
            results |= self._write({n: records[n] for n in batch})
        return [results[n] for n in range(len(records))]

    def _write(self, records: Mapping[int, Record]) -> dict[int, Written]:
        """Make one call.  If HubSpot rejects it because of some records, send the others again."""
        if not self.calls_left:
            return {n: Written((), signal=NOT_WRITTEN) for n in records}
        self.calls_left -= 1
        inputs = {n: record.as_input(self.id_property) for n, record in records.items()}
        first = next(iter(records.values())).message
        call = self.api.post(
            url(self.api.config, "upsert", self.type), {"inputs": list(inputs.values())}, first
        )
        if call.reply.status in (200, 201, 207):
            return self._results_of(records, inputs, call)
        signal = errors.signal_of(call.reply, self.api.account)
        rejected = {
            n: Written((part_of(call, inputs[n], None, len(records)),), signal=signal)
            for n in records
        }
        if not isinstance(signal, Refused) or signal.pause:
            return rejected
        named = errors.field_errors(body_of(call.reply))
        sent = {name for record in records.values() for name in record.properties}
        account_wide = [error for error in named if error.is_of_the_account and error.name in sent]
        if account_wide or len(records) == 1:
            return self._again_without(records, account_wide or named, rejected)
        results: dict[int, Written] = {}
        for batch in parted(records, named):
            for n, written in self._write(batch).items():
                results[n] = written.after(rejected[n].calls)
        return results

    def _again_without(
        self,
        records: Mapping[int, Record],
        named: Sequence[errors.FieldError],
        rejected: Mapping[int, Written],
    ) -> dict[int, Written]:
        """Send the records again without the properties in ``named``, together with the others.

        A record that cannot do without one of them is refused, with that reason.
        """
        results, again = {}, {}
        for n, record in records.items():
            has_one = [error for error in named if error.name in record.properties]
            changed = record.without(has_one, self.note_of) if has_one else record
            if changed is None or (not has_one and len(records) == 1):
                signal = has_one[0].signal() if has_one else rejected[n].signal
                results[n] = Written(rejected[n].calls, signal=signal)
            else:
                again[n] = changed
        if again:
            for n, written in self._write(again).items():
                results[n] = written.after(rejected[n].calls)
        return results

    def note_of(self, name: str, reason: str) -> Note:
        label = label_of(self.api.account, self.type, name)
        return Note(f"{OBJECTS[self.type][0]}.{name}", label, reason)

    def _results_of(
        self, records: Mapping[int, Record], inputs: Mapping[int, Any], call: Call
    ) -> dict[int, Written]:
        """The result of each record, found by its trace id or else by its unique value."""
        body, results, again = body_of(call.reply), {}, {}
        by_trace, by_value = {}, {}
        for result in objects(body.get("results")):
            by_trace[str(result.get("objectWriteTraceId"))] = result
            by_value[str(object_at(result, "properties").get(self.id_property)).lower()] = result
        by_id = {id_: error for error in objects(body.get("errors")) for id_ in ids_of(error)}
        for n, record in records.items():
            key, unique = record.message.key, record.unique.lower()
            written = by_trace.get(key) or by_value.get(unique)
            error = by_id.get(key) or by_id.get(unique)
            calls = (part_of(call, inputs[n], error or written, len(records)),)
            if error is not None:
                results[n] = Written(calls, signal=errors.record_signal(error, call.reply))
                if changed := record.without(errors.field_errors(error), self.note_of):
                    again[n] = changed
            elif written and written.get("id"):
                results[n] = Written(calls, str(written["id"]), notes=record.notes)
            else:
                results[n] = Written(calls, signal=NO_RESULT)
        if again and self.calls_left:
            for n, later in self._write(again).items():
                results[n] = later.after(results[n].calls)
        return results


def batches_without_duplicates(records: Sequence[Record]) -> list[list[int]]:
    """Positions of records, in batches.  HubSpot rejects a call with the same unique value twice.

    Of records with the same value, the later one is in a later batch.
    """
    batches: list[list[int]] = []
    last_batch: dict[str, int] = {}
    for n, record in enumerate(records):
        number = last_batch.get(record.unique.lower(), -1) + 1
        last_batch[record.unique.lower()] = number
        if number == len(batches):
            batches.append([])
        batches[number].append(n)
    return batches


def parted(
    records: Mapping[int, Record], named: Sequence[errors.FieldError]
) -> list[dict[int, Record]]:
    """The records in two batches, to find those that HubSpot refuses.

    Those with a value that its message quotes are one of them, else each has half of the records.
    """
    suspects = {
        n: record
        for n, record in records.items()
        if any(error.quotes(record.properties.get(error.name, "")) for error in named)
    }
    others = {n: record for n, record in records.items() if n not in suspects}
    if suspects and others:
        return [others, suspects]
    numbers = list(records)
    middle = len(numbers) // 2
    return [{n: records[n] for n in half} for half in (numbers[:middle], numbers[middle:])]


def ids_of(error: Mapping[str, Any]) -> list[str]:
    """The records of an error in a 207: their trace ids or unique values, in lower case."""
    context = object_at(error, "context")
    ids = [id_ for name in ("objectWriteTraceId", "ids", "id") for id_ in texts(context.get(name))]
    return [id_.lower() for id_ in [*ids, *texts(error.get("objectWriteTraceId"))]]


def associate(api: Api, pairs: Sequence[tuple[Message, str, str]]) -> list[Written]:
    """Associate deals with contacts, given as ``(message, deal, contact)``.

    An association that exists already is not an error.
    """
    if not pairs:
        return []
    inputs = {(deal, contact): association(deal, contact) for _, deal, contact in pairs}
    call = api.post(
        url(api.config, "associate", "deals", "contacts"),
        {"inputs": list(inputs.values())},
        pairs[0][0],
    )
    by_id = {
        id_: error
        for error in objects(body_of(call.reply).get("errors"))
        for value in object_at(error, "context").values()
        for id_ in texts(value)
    }
    results = []
    for _, deal, contact in pairs:
        error = by_id.get(deal) or by_id.get(contact)
        calls = (part_of(call, inputs[deal, contact], error, len(pairs)),)
        if call.reply.status not in (200, 201, 207):
            results.append(Written(calls, signal=errors.signal_of(call.reply, api.account)))
        elif call.reply.status == 207 and error is not None:
            results.append(Written(calls, signal=errors.record_signal(error, call.reply)))
        else:
            results.append(Written(calls, deal))
    return results


def association(deal: str, contact: str) -> dict[str, Any]:
    return {"from": {"id": deal}, "to": {"id": contact}}
