"""Writes many records in few calls and returns a result for each record.

HubSpot responds 200 (all written), 207 (some written) or 400 (none written, because of some).
Records are upserted by a unique value, so writing one again changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay.destinations.base import Call, Message
from relay.destinations.kinds.hubspot import errors
from relay.destinations.kinds.hubspot.api import Api, part_of, url
from relay.destinations.kinds.hubspot.parsing import body_of, object_at, objects, texts
from relay.rules.lifecycle import Failed, Held, Refused, Signal

MAX_CALLS = 24  # to find the invalid records of one batch
NO_RESULT = Failed(
    "no_result",
    "HubSpot did not report whether it wrote this record. Relay retries; this makes no duplicate.",
)
NOT_WRITTEN = Held(
    "batch_refused",
    "HubSpot rejected another record in the same call. Relay sends this one again.",
    1.0,
)


@dataclass(frozen=True)
class Record:
    """A record to write for one delivery.  ``unique`` is the value that identifies it in HubSpot."""

    message: Message
    unique: str
    properties: Mapping[str, str]

    def as_input(self, id_property: str) -> dict[str, Any]:
        return {
            "idProperty": id_property,
            "id": self.unique,
            "properties": dict(self.properties),
            "objectWriteTraceId": self.message.key,
        }


@dataclass(frozen=True)
class Written:
    """The result of one record: HubSpot's ``id`` for it, or the ``signal`` of the error."""

    calls: tuple[Call, ...]
    id: str = ""
    signal: Signal | None = None


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
        if len(records) == 1 or not isinstance(signal, Refused) or signal.pause:
            return rejected
        results: dict[int, Written] = {}
        invalid = invalid_records(records, errors.field_errors(body_of(call.reply)))
        for n, reason in invalid.items():
            results[n] = Written(rejected[n].calls, signal=reason)
        left = [n for n in records if n not in invalid]
        # If HubSpot names no field, split the batch in two to find the invalid records.
        for batch in [left] if invalid else split_in_two(left):
            if batch:
                for n, written in self._write({n: records[n] for n in batch}).items():
                    calls = rejected[n].calls + written.calls
                    results[n] = Written(calls, written.id, written.signal)
        return results

    def _results_of(
        self, records: Mapping[int, Record], inputs: Mapping[int, Any], call: Call
    ) -> dict[int, Written]:
        """The result of each record, found by its trace id or else by its unique value."""
        body, results = body_of(call.reply), {}
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
            elif written and written.get("id"):
                results[n] = Written(calls, str(written["id"]))
            else:
                results[n] = Written(calls, signal=NO_RESULT)
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


def invalid_records(
    records: Mapping[int, Record], named: Sequence[errors.FieldError]
) -> dict[int, Refused]:
    """The records with a property that HubSpot never accepts, each with the error."""
    never = [error for error in named if error.code in ("unknown_property", "read_only_property")]
    return {
        n: error.signal()
        for error in never
        for n, record in records.items()
        if error.name in record.properties
    }


def split_in_two(positions: list[int]) -> list[list[int]]:
    middle = len(positions) // 2
    return [positions[:middle], positions[middle:]]


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
        calls = (part_of(call, inputs[deal, contact], by_id.get(deal), len(pairs)),)
        if call.reply.status not in (200, 201, 207):
            results.append(Written(calls, signal=errors.signal_of(call.reply, api.account)))
        elif call.reply.status == 207 and deal in by_id:
            results.append(Written(calls, signal=errors.record_signal(by_id[deal], call.reply)))
        else:
            results.append(Written(calls, deal))
    return results


def association(deal: str, contact: str) -> dict[str, Any]:
    return {"from": {"id": deal}, "to": {"id": contact}}
