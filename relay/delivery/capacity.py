"""How much a destination takes now: by its kind, its pace and the state of its circuit."""

from __future__ import annotations

from datetime import datetime

from relay.delivery import gate
from relay.delivery.claim import LIVE
from relay.destinations.base import Digest, Kind
from relay.rules.circuit import CircuitState

# what is claimed before its time comes: little, so that a live event overtakes replays
AHEAD_S = 0.05


class Capacity:
    """Of one drain.  While the circuit is not closed, every call is a probe and takes one delivery."""

    def __init__(self, kind: Kind, gate: gate.Gate):
        self.kind, self.gate = kind, gate

    @property
    def is_probing(self) -> bool:
        return self.gate.circuit.stage is not CircuitState.CLOSED

    def calls(self, now: datetime, most: int, under_way: int) -> int:
        """How many calls may start soon, beside those under way."""
        pace = self.gate.paced(now)
        # the next one waits in the drain for its time
        soon = max(pace.within(AHEAD_S, now, most), int(pace.wait_s(now) <= gate.SOON_S))
        return min(soon, self.gate.places() - under_way) if self.is_probing else soon

    def together(self, event_type: str = "") -> int:
        """How many deliveries one call may take, of one type or of the one that takes most."""
        if self.is_probing:
            return 1
        return self.kind.batch_limit(self.gate.row.config, event_type)

    def digest(self) -> Digest | None:
        """How a crowd is summed up."""
        return None if self.is_probing else self.kind.digest(self.gate.row.config)

    def places(self, priority: int = LIVE) -> int:
        """How many calls may be under way.  Replays leave one place to what happens now."""
        places = self.gate.places()
        return places if priority == LIVE else max(min(1, places), places - 1)
