"""A person tries a destination out: one sample, sent now, answer shown."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from flask import current_app

from relay.delivery import compose
from relay.delivery.call import refused, shown_request, shown_response
from relay.delivery.sender import Sender
from relay.destinations.base import Delivered, Reply
from relay.errors import Invalid, RelayError
from relay.lifecycle import Accepted, Signal
from relay.mapping.samples import SAMPLES
from relay.models import Destination


@dataclass(frozen=True)
class Outcome:
    """``request`` and ``response`` are masked; ``request`` is empty where it could not be built."""

    signal: Signal
    request: dict[str, Any]
    response: dict[str, Any]
    reply: Reply

    @property
    def ok(self) -> bool:
        return isinstance(self.signal, Accepted)

    @property
    def sentence(self) -> str:
        if self.ok:
            return f"It arrived ({self.reply.elapsed_ms:.0f} ms)."
        return str(getattr(self.signal, "sentence", ""))


def send_sample(destination: Destination, event_type: str) -> Outcome:
    """Send a sample of ``event_type`` marked as a test.  Raises Invalid for an unknown type."""
    if event_type not in SAMPLES:
        raise Invalid({"event_type": [f"There are samples for {', '.join(sorted(SAMPLES))}."]})
    payload = {
        "event": event_type,
        "event_id": f"test-{uuid.uuid4().hex[:12]}",
        "site": "https://shop.example.com",
        "data": SAMPLES[event_type],
    }
    message = compose.message_of(
        payload,
        datetime.now(UTC),
        "Sample site",
        "https://shop.example.com",
        uuid.uuid4().hex,
        is_test=True,
    )
    began = time.perf_counter()
    try:
        kind, config = compose.kind_and_config(destination)
        send = Sender(kind, config, compose.transport(current_app._get_current_object()))  # type: ignore[attr-defined]
        (done,) = kind.deliver(config, [compose.mapped(kind, config, message)], send)
    except RelayError as exc:
        done = Delivered(refused(exc))
    elapsed_ms = (time.perf_counter() - began) * 1000
    reply = done.calls[-1].reply if done.calls else Reply()
    return Outcome(
        done.signal,
        shown_request(done.calls),
        shown_response(done.calls),
        replace(reply, elapsed_ms=elapsed_ms),
    )
