"""The guarantees that hold during faults: each figure, its limit, and the measured value."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

FULL = os.environ.get("FAULTS") == "full"

BARS = {
    "R1": "events answered 202 and lost, with everything killed in turn: 0",
    "R2": "deliveries without a fault: exactly one an event",
    "R3": "extra deliveries a killed worker: at most those in flight, each with its same key",
    "R4": "work of a killed worker goes on within 90 s",
    "R5": "work goes on within 60 s of its time after the broker was wiped, nothing restarted",
    "R6": "another destination's p95 while one hangs: at most 5 s",
    "R7": "at least 8 attempts over at least 24 h; Retry-After kept, within 10 %, never early",
    "R8": "an event that kills its worker: a dead letter after at most 5 starts, others unharmed",
    "R9": "a replay: at most 10 % above the rate limit; the p95 of new events at most twice as high",
    "R10": "without the broker: 202 with p99 below 1 s, delivered within 60 s of its return",
    "R11": "without the database: 503 with Retry-After, never 202",
    "S7": "64 sign-ins at a time: events 202 with p99 below 1 s, known people sign in, memory + 200 MB",
    "U1": "an upgrade behind nginx at 50 events/s, and the way back: 0 failed, lost or sent twice",
    "U2": "a restart of each process behind nginx at 50 events/s: 0 failed, lost or sent twice",
}


def size(small: int, full: int) -> int:
    """How many: enough to show it in every test run, or the whole figure with ``make faults``."""
    return full if FULL else small


@dataclass
class Figures:
    """What was measured, by figure."""

    rows: list[tuple[str, str]] = field(default_factory=list)

    def note(self, figure: str, measured: str) -> None:
        """Keep a measurement; the test itself asserts the bar, before or after."""
        assert figure in BARS, figure
        self.rows.append((figure, measured))

    def lines(self) -> list[str]:
        by_number = sorted(self.rows, key=lambda row: (row[0][0], int(row[0][1:])))
        return [f"{figure:4} {BARS[figure]}\n     measured: {said}" for figure, said in by_number]


FIGURES = Figures()


def percentile(values: list[float], share: float) -> float:
    """The value that ``share`` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
