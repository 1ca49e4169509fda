"""One call: from a claim to what the destination made of it.  Runs in a drain's sender threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from relay.delivery import compose
from relay.delivery.claim import Claim
from relay.delivery.enrichment import Enriched
from relay.delivery.record import KEPT_BODY
from relay.destinations.base import Kind, Message, OutboundRequest, Reply
from relay.destinations.http import Transport
from relay.destinations.masking import mask_request, mask_text
from relay.errors import RelayError, Undeliverable
from relay.lifecycle import Refused, Signal


@dataclass(frozen=True)
class Called:
    """What one call came to; ``request`` and ``response`` are masked and cut, ready to be kept.

    ``ai`` is what the AI step before it tells; ``was_made`` is False where that one let it wait.
    """

    signal: Signal
    attempt_key: str
    status: int | None
    elapsed_ms: float
    request: dict[str, Any]
    response: dict[str, Any]
    ai: dict[str, Any] | None = None
    was_made: bool = True


def call(
    kind: Kind,
    config: Mapping[str, Any],
    claim: Claim,
    transport: Transport,
    enrich: Callable[[Message], Enriched] | None = None,
) -> Called:
    """Enrich, build, send, classify.  Never raises: what cannot be built is Refused with its sentence."""
    message = compose.message_of(
        compose.parse(claim.payload), claim.received_at, claim.site_name, claim.site_url, claim.key
    )
    enriched = enrich(message) if enrich is not None else None
    if enriched is not None:
        if enriched.signal is not None:
            waits, key = enriched.signal, message.attempt_key
            return Called(waits, key, None, 0.0, {}, {}, enriched.told, was_made=False)
        message = replace(message, ai=enriched.fields)
    began = time.perf_counter()
    request: OutboundRequest | None = None
    try:
        request = compose.request_of(kind, config, message)
        reply = kind.send(request, transport)
        signal, shown = kind.classify(reply), shown_reply(reply, request)
    except RelayError as exc:
        code = exc.code if isinstance(exc, Undeliverable) else "cannot_build"
        signal, shown, reply = Refused(code, str(exc)), {}, Reply()
    except Exception as exc:  # a fault of ours in one delivery must not take the others along
        name = type(exc).__name__
        signal, shown, reply = (
            Refused(
                "internal_error",
                f"Relay could not build this call ({name}). That is on Relay's side.",
            ),
            {},
            Reply(),
        )
    return Called(
        signal=signal,
        attempt_key=message.attempt_key,
        status=reply.status,
        elapsed_ms=(time.perf_counter() - began) * 1000,
        request=mask_request(request) if request is not None else {},
        response=shown,
        ai=enriched.told if enriched is not None else None,
    )


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
