"""Make the calls for claimed deliveries and read the replies.  Runs in a drain's threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from relay.delivery.ai.enrichment import Enriched
from relay.delivery.attempt.result import AttemptResult
from relay.delivery.claim import CALL_S, Claim
from relay.delivery.message import apply_mapping, message_of
from relay.delivery.payload import parse_payload
from relay.destinations.base import Call, Kind, Message, MessageResult, ReportedQuota, Rule
from relay.destinations.redaction import mask_request, mask_text
from relay.errors import RelayError, Undeliverable
from relay.i18n import N_
from relay.rules.lifecycle import Accepted, Refused
from relay.rules.notes import once
from relay.transport.client import Transport
from relay.transport.request import OutboundRequest, Reply, retry_after_s

HIDDEN = "(not stored: it has a secret)"
NO_MATTER_S = 0.5  # a first call may end that much later than the deadline of all calls
STORED_BODY = 16 * 1024  # characters of a reply's body that are stored
Job = tuple[Message, Mapping[str, Rule] | None]  # a message and its mapping, None: the default one


class Sender:
    """``sender(request)`` makes one call.  All calls of a sender share one deadline.

    ``calls`` are the calls it made, ``quotas`` those their replies reported.
    """

    def __init__(self, kind: Kind, config: Mapping[str, Any], transport: Transport):
        self.kind, self.config, self.transport = kind, config, transport
        self.until = time.monotonic() + CALL_S
        self.calls: list[Call] = []
        self.quotas: dict[str, ReportedQuota] = {}

    def __call__(self, request: OutboundRequest) -> Reply:
        left_s = self.until - time.monotonic()
        if left_s > 0.1:
            if left_s < request.timeout_s - NO_MATTER_S:
                timed = replace(request, timeout_s=left_s)
            else:
                timed = request
            reply = self.kind.send(timed, self.transport)
        else:
            reply = Reply(
                error="timeout",
                sentence=N_(
                    "The calls of this delivery took longer than %(seconds)s s in total. "
                    "Relay retries; calls that succeeded are not repeated."
                )
                % {"seconds": f"{CALL_S:.0f}"},
            )
        self.calls.append(Call(request, reply))
        self.quotas |= {quota.name: quota for quota in self.kind.quotas(self.config, reply)}
        return reply


def run(
    kind: Kind,
    config: Mapping[str, Any],
    claims: Sequence[Claim],
    transport: Transport,
    enrich: Callable[[Message], Enriched] | None = None,
    public_url: str = "",
    older: Collection[int] = (),
) -> list[AttemptResult]:
    """Enrich, map, build, send, classify.  -> one result per delivery.

    ``public_url`` is Relay's own URL, for links in messages.  ``older`` are the ids of deliveries with
    a message that says that the destination already got a newer change.

    Never raises: a delivery that cannot be built is Refused and says why.
    """
    jobs = [
        (
            message_of(
                parse_payload(claim.payload) if claim.body is None else claim.body,
                claim.received_at,
                claim.site_name,
                claim.site_url,
                claim.key,
                site_key=claim.site_key,
                public_url=public_url,
                is_older=claim.delivery_id in older,
            ),
            claim.rules.get(claim.event_type),
        )
        for claim in claims
    ]
    if enrich is None:
        return deliver(kind, config, jobs, transport)
    results = []
    for message, rules in jobs:
        enriched = enrich(message)
        if enriched.signal is not None:
            result = AttemptResult(
                enriched.signal, message.attempt_key, None, 0.0, {}, {}, calls=0, was_made=False
            )
        else:
            job = (replace(message, ai=enriched.fields), rules)
            (result,) = deliver(kind, config, [job], transport)
        results.append(replace(result, ai=enriched.record))
    return results


def deliver(
    kind: Kind, config: Mapping[str, Any], jobs: Sequence[Job], transport: Transport
) -> list[AttemptResult]:
    """Map, build, send and classify messages that may share a call.  -> one result per job."""
    began = time.perf_counter()
    send = Sender(kind, config, transport)
    results: dict[int, MessageResult] = {}
    ready: dict[int, Message] = {}
    for n, (message, rules) in enumerate(jobs):
        try:
            ready[n] = apply_mapping(kind, config, message, rules)
        except Exception as exc:  # one delivery that cannot be built must not stop the others
            results[n] = MessageResult(refused(exc))
    try:
        if ready:
            delivered = kind.deliver(config, list(ready.values()), send)
            results |= dict(zip(ready, delivered, strict=True))
    except Exception as exc:  # a fault in Relay over one delivery must not fail the others
        if len(jobs) > 1:
            return [result for job in jobs for result in deliver(kind, config, [job], transport)]
        results[0] = MessageResult(refused(exc), tuple(send.calls))
    elapsed_ms = (time.perf_counter() - began) * 1000
    kept = {n: stored(result.calls) for n, result in results.items()}
    return [
        AttemptResult(
            signal=results[n].signal,
            attempt_key=message.attempt_key,
            status=results[n].calls[-1].reply.status if results[n].calls else None,
            elapsed_ms=elapsed_ms,
            request=kept[n]["request"],
            response=kept[n]["response"],
            calls=0 if n else len(send.calls),
            quotas=() if n else tuple(send.quotas.values()),
            by_status=results[n].by_status,
            retry_after_s=asked_wait_s(results[n]),
            notes=once((*(ready[n].notes if n in ready else ()), *results[n].notes)),
        )
        for n, (message, _) in enumerate(jobs)
    ]


def asked_wait_s(result: MessageResult) -> float | None:
    """How long the last reply asks to wait; None after a success."""
    if isinstance(result.signal, Accepted) or not result.calls:
        return None
    return retry_after_s(result.calls[-1].reply)


def refused(exc: Exception) -> Refused:
    """The signal for a delivery that could not be built."""
    if isinstance(exc, Undeliverable):
        return Refused(exc.code, str(exc), field=exc.field)
    if isinstance(exc, RelayError):
        return Refused("cannot_build", str(exc))
    return Refused(
        "internal_error",
        N_("Relay could not build this call (%(error)s). That is on Relay's side.")
        % {"error": type(exc).__name__},
    )


def stored(calls: Sequence[Call]) -> dict[str, dict[str, Any]]:
    """-> the last call as it is stored: its masked ``request`` and its ``response``.

    ``earlier`` of the request are the calls before it with their replies, ``together`` says for how many
    deliveries the call was.
    """
    if not calls:
        return {"request": {}, "response": {}}
    *earlier, last = calls
    response, request = stored_response(last), mask_request(last.request)
    if earlier:
        request["earlier"] = [stored([call]) for call in earlier]
    if last.together > 1:
        request["together"] = last.together
    return {"request": request, "response": response}


def stored_response(call: Call) -> dict[str, Any]:
    """A reply as it is stored: secrets that it repeats are masked, the body is cut."""
    reply, secrets = call.reply, call.request.secrets
    text = mask_text(reply.text, secrets)
    if call.request.secret_reply and reply.status is not None and reply.status < 300:
        text = HIDDEN
    return {
        "status": reply.status,
        "headers": [
            [name[:200], mask_text(value, secrets)[:1000]] for name, value in reply.headers[:50]
        ],
        "body": text[:STORED_BODY],
        "cut": len(text) > STORED_BODY,
        "error": reply.error,
        "sentence": reply.sentence,
    }
