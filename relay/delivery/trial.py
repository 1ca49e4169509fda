"""A person tries a destination out: one sample, sent now, answer shown."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from flask import current_app

from relay.delivery import compose
from relay.delivery.call import refusal, shown_reply
from relay.destinations.base import Message, Reply, Rule
from relay.destinations.masking import mask_request
from relay.errors import Invalid, RelayError
from relay.lifecycle import Accepted, Signal
from relay.mapping.samples import SAMPLES
from relay.models import Destination

SITE = "https://shop.example.com"


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
    return send(destination, replace(sample_message(event_type), is_test=True))


def sample_message(event_type: str) -> Message:
    """An event of ours; of types that do not ship, the test event's."""
    payload = {
        "event": event_type,
        "event_id": f"test-{uuid.uuid4().hex[:12]}",
        "site": SITE,
        "data": SAMPLES.get(event_type, SAMPLES["relay.test"]),
    }
    return compose.message_of(payload, datetime.now(UTC), "Sample site", SITE, uuid.uuid4().hex)


def send(
    destination: Destination, message: Message, rules: Mapping[str, Rule] | None = None
) -> Outcome:
    """Send one message now, filled by ``rules`` or in the ready-made way."""
    began = time.perf_counter()
    try:
        kind, config = compose.kind_and_config(destination)
        request = compose.request_of(kind, config, message, rules)
    except RelayError as exc:
        elapsed = (time.perf_counter() - began) * 1000
        return Outcome(refusal(exc), {}, {}, Reply(elapsed_ms=elapsed))
    reply = kind.send(request, compose.transport(current_app._get_current_object()))  # type: ignore[attr-defined]
    return Outcome(kind.classify(reply), mask_request(request), shown_reply(reply, request), reply)
