"""Makes the calls of one delivery, or of several that go together: one deadline, all remembered."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from relay.delivery.claim import CALL_S
from relay.destinations.base import Call, Kind, ReportedQuota
from relay.transport.client import Transport
from relay.transport.request import OutboundRequest, Reply


class Sender:
    """``sender(request)`` makes one call; ``calls`` are all it made, ``quotas`` what they told."""

    def __init__(self, kind: Kind, config: Mapping[str, Any], transport: Transport):
        self.kind, self.config, self.transport = kind, config, transport
        self.until = time.monotonic() + CALL_S
        self.calls: list[Call] = []
        self.quotas: dict[str, ReportedQuota] = {}

    def __call__(self, request: OutboundRequest) -> Reply:
        left = self.until - time.monotonic()
        if left > 0.1:
            timed = replace(request, timeout_s=min(request.timeout_s, left))
            reply = self.kind.send(timed, self.transport)
        else:
            reply = Reply(
                error="timeout",
                sentence=f"All calls of one delivery together took longer than {CALL_S:.0f} s. "
                "Relay tries again; what was done is not done twice.",
            )
        self.calls.append(Call(request, reply))
        self.quotas |= {one.name: one for one in self.kind.quotas(self.config, reply)}
        return reply
