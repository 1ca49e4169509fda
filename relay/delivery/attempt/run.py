"""From claims to what the destination made of them.  Runs in a drain's sender threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from relay.delivery.ai.enrichment import Enriched
from relay.delivery.attempt.outcome import KEPT_BODY
from relay.delivery.attempt.sender import Sender
from relay.delivery.claim import Claim
from relay.delivery.message import apply_mapping, message_of, parse_payload
from relay.destinations.base import Call, Kind, Message, MessageResult, ReportedQuota, Rule
from relay.destinations.redaction import mask_request, mask_text
from relay.errors import RelayError, Undeliverable
from relay.rules.lifecycle import Refused, Signal
from relay.transport.client import Transport
from relay.transport.request import OutboundRequest, Reply

Job = tuple[
    Message, Mapping[str, Rule] | None
]  # a message and its mapping, None: the ready-made one


@dataclass(frozen=True)
class AttemptResult:
    """What came of one delivery; ``request`` and ``response`` are masked and cut, ready to be kept.

    They are those of the last call; earlier ones stand in ``request["earlier"]``.  ``calls`` counts
    the calls (of several deliveries that go together, the first one counts all), ``quotas`` is what
    they told.  ``ai`` is what the AI step before it tells; ``was_made`` is False where that one let it
    wait.
    """

    signal: Signal
    attempt_key: str
    status: int | None
    elapsed_ms: float
    request: dict[str, Any]
    response: dict[str, Any]
    calls: int = 1
    quotas: tuple[ReportedQuota, ...] = ()
    ai: dict[str, Any] | None = None
    was_made: bool = True


def run(
    kind: Kind,
    config: Mapping[str, Any],
    claims: Sequence[Claim],
    transport: Transport,
    enrich: Callable[[Message], Enriched] | None = None,
) -> list[AttemptResult]:
    """Enrich, map, build, send, classify.  -> what came of each.  Never raises: what cannot be built
    is Refused with its sentence.
    """
    jobs = [(claimed_message(claim), claim.rules.get(claim.event_type)) for claim in claims]
    if enrich is None:
        return deliver(kind, config, jobs, transport)
    came = []
    for message, rules in jobs:
        enriched = enrich(message)
        if enriched.signal is not None:
            waits = AttemptResult(enriched.signal, message.attempt_key, None, 0.0, {}, {}, calls=0)
            came.append(replace(waits, ai=enriched.told, was_made=False))
        else:
            richer = replace(message, ai=enriched.fields)
            (called,) = deliver(kind, config, [(richer, rules)], transport)
            came.append(replace(called, ai=enriched.told))
    return came


def deliver(
    kind: Kind, config: Mapping[str, Any], jobs: Sequence[Job], transport: Transport
) -> list[AttemptResult]:
    """Map, build, send and classify messages that may go together."""
    began = time.perf_counter()
    send = Sender(kind, config, transport)
    done: dict[int, MessageResult] = {}
    ready: dict[int, Message] = {}
    for n, (message, rules) in enumerate(jobs):
        try:
            ready[n] = apply_mapping(kind, config, message, rules)
        except Exception as exc:  # whatever it is, the others go on
            done[n] = MessageResult(refused(exc))
    try:
        if ready:
            came = kind.deliver(config, list(ready.values()), send)
            done |= dict(zip(ready, came, strict=True))
    except Exception as exc:  # a fault of ours in one delivery must not take the others along
        if len(jobs) > 1:
            return [one for job in jobs for one in deliver(kind, config, [job], transport)]
        done[0] = MessageResult(refused(exc), tuple(send.calls))
    elapsed_ms = (time.perf_counter() - began) * 1000
    return [
        AttemptResult(
            signal=done[n].signal,
            attempt_key=message.attempt_key,
            status=done[n].calls[-1].reply.status if done[n].calls else None,
            elapsed_ms=elapsed_ms,
            request=shown_request(done[n].calls),
            response=shown_response(done[n].calls),
            calls=0 if n else len(send.calls),
            quotas=() if n else tuple(send.quotas.values()),
        )
        for n, (message, _) in enumerate(jobs)
    ]


def claimed_message(claim: Claim) -> Message:
    """A claimed delivery as a kind sees it."""
    return message_of(
        parse_payload(claim.payload),
        claim.received_at,
        claim.site_name,
        claim.site_url,
        claim.key,
        site_key=claim.site_key,
    )


def refused(exc: Exception) -> Refused:
    """What could not be built, with its sentence."""
    if isinstance(exc, Undeliverable):
        return Refused(exc.code, str(exc), field=exc.field)
    if isinstance(exc, RelayError):
        return Refused("cannot_build", str(exc))
    return Refused(
        "internal_error",
        f"Relay could not build this call ({type(exc).__name__}). That is on Relay's side.",
    )


def shown_request(calls: Sequence[Call]) -> dict[str, Any]:
    """The last call as it is kept; ``earlier`` ones with their answers, ``together`` for how many."""
    if not calls:
        return {}
    *earlier, last = calls
    shown = mask_request(last.request)
    if earlier:
        shown["earlier"] = [
            {"request": shown_request([one]), "response": shown_response([one])} for one in earlier
        ]
    if last.together > 1:
        shown["together"] = last.together
    return shown


def shown_response(calls: Sequence[Call]) -> dict[str, Any]:
    return shown_reply(calls[-1].reply, calls[-1].request) if calls else {}


def shown_reply(reply: Reply, request: OutboundRequest) -> dict[str, Any]:
    """An answer as it is kept: secrets that it echoes masked, the body cut, the length told."""
    text = mask_text(reply.text, request.secrets)
    return {
        "status": reply.status,
        "headers": [
            [name[:200], mask_text(value, request.secrets)[:1000]]
            for name, value in reply.headers[:50]
        ],
        "body": text[:KEPT_BODY],
        "cut": len(text) > KEPT_BODY,
        "error": reply.error,
        "sentence": reply.sentence,
    }
