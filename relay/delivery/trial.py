"""A person tries a destination out: one sample, sent now, answer shown."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import current_app

from relay.delivery import compose
from relay.delivery.call import refusal, shown_reply
from relay.destinations.base import Reply
from relay.destinations.masking import mask_request
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
        request = compose.request_of(kind, config, message)
    except RelayError as exc:
        elapsed = (time.perf_counter() - began) * 1000
        return Outcome(refusal(exc), {}, {}, Reply(elapsed_ms=elapsed))
    reply = kind.send(request, compose.transport(current_app._get_current_object()))  # type: ignore[attr-defined]
    return Outcome(kind.classify(reply), mask_request(request), shown_reply(reply, request), reply)
