"""What to do about an error that a service documents: one word, one sentence, one signal.

Pure.  A kind keeps its errors in tables of these; what stands in none falls to ``outcomes.http.classify``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from relay.rules.lifecycle import Failed, Held, Refused, Signal


class ErrorAction(StrEnum):
    """What to do about an error."""

    RETRY = "retry"  # time may help
    WAIT = "wait"  # all calls wait until an instant; no delivery loses an attempt
    PAUSE = "pause"  # every call would fail until a person does something
    FIX = "fix"  # this message cannot be taken so


@dataclass(frozen=True)
class KnownError:
    """An error that is documented: ``code`` is ours and stable, ``sentence`` is for a person."""

    verdict: ErrorAction
    code: str
    sentence: str

    def signal(self, wait_s: float | None = None, field: str = "") -> Signal:
        """``wait_s`` is what the service asks for; ``field`` what it complains about."""
        if self.verdict is ErrorAction.WAIT:
            return Held(self.code, self.sentence, wait_s if wait_s is not None else 10.0)
        if self.verdict is ErrorAction.RETRY:
            return Failed(self.code, self.sentence, wait_s, field)
        return Refused(self.code, self.sentence, self.verdict is ErrorAction.PAUSE, field)
