"""One call: from a claim to what the destination made of it.  Runs in a drain's sender threads."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relay.delivery import compose
from relay.delivery.claim import Claim
from relay.delivery.record import KEPT_BODY
from relay.destinations.base import Kind, OutboundRequest, Reply
from relay.destinations.http import Transport
from relay.destinations.masking import mask_request, mask_text
from relay.errors import RelayError, Undeliverable
from relay.lifecycle import Refused, Signal


@dataclass(frozen=True)
class Called:
    """What one call came to; ``request`` and ``response`` are masked and cut, ready to be kept."""

    signal: Signal
    attempt_key: str
    status: int | None
    elapsed_ms: float
    request: dict[str, Any]
    response: dict[str, Any]


def call(kind: Kind, config: Mapping[str, Any], claim: Claim, transport: Transport) -> Called:
    """Build, send, classify.  Never raises: what cannot be built is Refused with its sentence."""
    message = compose.message_of(
        compose.parse(claim.payload), claim.received_at, claim.site_name, claim.site_url, claim.key
    )
    began = time.perf_counter()
    request: OutboundRequest | None = None
    try:
        rules = claim.rules.get(message.event_type)
        request = compose.request_of(kind, config, message, rules)
        reply = kind.send(request, transport)
        signal, shown = kind.classify(reply), shown_reply(reply, request)
    except RelayError as exc:
        signal, shown, reply = refusal(exc), {}, Reply()
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
    )


def refusal(exc: RelayError) -> Refused:
    """What it means for a delivery that its call cannot be built."""
    if isinstance(exc, Undeliverable):
        return Refused(exc.code, str(exc), field=exc.field)
    return Refused("cannot_build", str(exc))


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
