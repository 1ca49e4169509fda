"""Many records in as few calls as may be, each with its own result.

HubSpot answers 200 (all written), 207 (some) or 400 (none, because of some).  Whatever was written
is written under its unique value, so writing it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay.destinations.base import Call, Message
from relay.destinations.kinds.hubspot import errors
from relay.destinations.kinds.hubspot.api import Api, share, url
from relay.destinations.kinds.hubspot.parsing import body_of, object_at, objects, texts
from relay.rules.lifecycle import Failed, Held, Refused, Signal

MOST_CALLS = 24  # that one batch may take to find out which of its records are at fault
SILENT = Failed(
    "no_result",
    "HubSpot did not say what became of this record. Relay tries again; that cannot double it.",
)
UNSORTED = Held(
    "batch_refused", "Another record of the same call was refused. This one goes again.", 1.0
)


@dataclass(frozen=True)
class Record:
    """What is to be written for one delivery; ``unique`` is the value that HubSpot knows it by."""

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
    """``id`` is HubSpot's number of the record; ``signal`` says why there is none."""

    calls: tuple[Call, ...]
    id: str = ""
    signal: Signal | None = None


class BatchWriter:
    """Writes records of one type, ``contacts`` or ``deals``."""

    def __init__(self, api: Api, object_type: str, id_property: str):
        self.api, self.type, self.id_property = api, object_type, id_property
        self.calls_left = MOST_CALLS

    def write(self, records: Sequence[Record]) -> list[Written]:
        """What came of each, in their order."""
        found: dict[int, Written] = {}
        for round_ in rounds(records):
            found |= self._write({n: records[n] for n in round_})
        return [found[n] for n in range(len(records))]

    def _write(self, records: Mapping[int, Record]) -> dict[int, Written]:
        """One call; where it is refused because of some, the others go again without them."""
        if not self.calls_left:
            return {n: Written((), signal=UNSORTED) for n in records}
        self.calls_left -= 1
        inputs = {n: record.as_input(self.id_property) for n, record in records.items()}
        first = next(iter(records.values())).message
        call = self.api.post(
            url(self.api.config, "upsert", self.type), {"inputs": list(inputs.values())}, first
        )
        if call.reply.status in (200, 201, 207):
            return self._sort(records, inputs, call)
        signal = errors.signal_of(call.reply, self.api.account)
        refused = {
            n: Written((share(call, inputs[n], None, len(records)),), signal=signal)
            for n in records
        }
        if len(records) == 1 or not isinstance(signal, Refused) or signal.pause:
            return refused
        done: dict[int, Written] = {}
        guilty = at_fault(records, errors.field_errors(body_of(call.reply)))
        for n, why in guilty.items():
            done[n] = Written(refused[n].calls, signal=why)
        for part in halves([n for n in records if n not in guilty], whole=bool(guilty)):
            again = self._write({n: records[n] for n in part})
            done |= {
                n: Written(refused[n].calls + w.calls, w.id, w.signal) for n, w in again.items()
            }
        return done

    def _sort(
        self, records: Mapping[int, Record], inputs: Mapping[int, Any], call: Call
    ) -> dict[int, Written]:
        """Each record's own result, by its trace, else by its unique value."""
        answer, done = body_of(call.reply), {}
        by_trace, by_value = {}, {}
        for one in objects(answer.get("results")):
            by_trace[str(one.get("objectWriteTraceId"))] = one
            by_value[str(object_at(one, "properties").get(self.id_property)).lower()] = one
        wrong = {trace: one for one in objects(answer.get("errors")) for trace in traces_of(one)}
        for n, record in records.items():
            key = record.message.key
            result = by_trace.get(key) or by_value.get(record.unique.lower())
            error = wrong.get(key) or wrong.get(record.unique.lower())
            part = (share(call, inputs[n], error or result, len(records)),)
            if error is not None:
                done[n] = Written(part, signal=errors.record_signal(error, call.reply))
            elif result and result.get("id"):
                done[n] = Written(part, str(result["id"]))
            else:
                done[n] = Written(part, signal=SILENT)
        return done


def rounds(records: Sequence[Record]) -> list[list[int]]:
    """Calls in which no unique value comes twice (HubSpot refuses such); later ones stay later."""
    found: list[list[int]] = []
    seen: dict[str, int] = {}
    for n, record in enumerate(records):
        number = seen.get(record.unique.lower(), -1) + 1
        seen[record.unique.lower()] = number
        if number == len(found):
            found.append([])
        found[number].append(n)
    return found


def at_fault(
    records: Mapping[int, Record], named: Sequence[errors.FieldError]
) -> dict[int, Refused]:
    """The records that hold a field which HubSpot never takes, with why."""
    never = [one for one in named if one.code in ("unknown_property", "read_only_property")]
    return {
        n: one.signal()
        for one in never
        for n, record in records.items()
        if one.name in record.properties
    }


def halves(left: list[int], whole: bool) -> Iterator[list[int]]:
    """``left`` in one where the guilty are known, else in two to find them."""
    if whole:
        yield from [left] if left else []
        return
    middle = len(left) // 2
    yield from (part for part in (left[:middle], left[middle:]) if part)


def traces_of(error: Mapping[str, Any]) -> list[str]:
    """Which records an error of a 207 is about: their traces, or their unique values in small letters."""
    context = object_at(error, "context")
    named = [
        one for name in ("objectWriteTraceId", "ids", "id") for one in texts(context.get(name))
    ]
    return [one.lower() for one in [*named, *texts(error.get("objectWriteTraceId"))]]


def associate(api: Api, pairs: Sequence[tuple[Message, str, str]]) -> list[Written]:
    """Join deals to contacts, as ``(message, deal, contact)``; joined ones stay joined."""
    if not pairs:
        return []
    inputs = [{"from": {"id": deal}, "to": {"id": contact}} for _, deal, contact in pairs]
    unique = list(
        {
            (deal, contact): one for (_, deal, contact), one in zip(pairs, inputs, strict=True)
        }.values()
    )
    call = api.post(
        url(api.config, "associate", "deals", "contacts"), {"inputs": unique}, pairs[0][0]
    )
    answer = body_of(call.reply)
    wrong = {
        one: error
        for error in objects(answer.get("errors"))
        for value in object_at(error, "context").values()
        for one in texts(value)
    }
    done = []
    for (_, deal, _contact), sent in zip(pairs, inputs, strict=True):
        part = (share(call, sent, wrong.get(deal), len(pairs)),)
        if call.reply.status not in (200, 201, 207):
            done.append(Written(part, signal=errors.signal_of(call.reply, api.account)))
        elif call.reply.status == 207 and deal in wrong:
            done.append(Written(part, signal=errors.record_signal(wrong[deal], call.reply)))
        else:
            done.append(Written(part, deal))
    return done
