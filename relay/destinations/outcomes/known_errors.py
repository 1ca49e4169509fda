"""Errors that a service documents, each with an action, a stable code and a sentence.

Pure.  A kind has tables of these.  It passes any other error to ``outcomes.http.classify``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from relay.rules.lifecycle import Failed, Held, Refused, Signal


class ErrorAction(StrEnum):
    """What Relay does about an error."""

    RETRY = "retry"  # the error may pass
    WAIT = "wait"  # hold all calls for a time; it costs no attempt
    PAUSE = "pause"  # every call fails until a person fixes something
    FIX = "fix"  # only this message fails, on every attempt


@dataclass(frozen=True)
class KnownError:
    """A documented error.  ``code`` is Relay's own and stable, ``sentence`` is for a person."""

    action: ErrorAction
    code: str
    sentence: str

    def signal(self, wait_s: float | None = None, field: str = "") -> Signal:
        """The outcome.  ``wait_s`` is the wait that the service asks for, ``field`` the one at fault."""
        if self.action is ErrorAction.WAIT:
            return Held(self.code, self.sentence, wait_s if wait_s is not None else 10.0)
        if self.action is ErrorAction.RETRY:
            return Failed(self.code, self.sentence, wait_s, field)
        return Refused(self.code, self.sentence, self.action is ErrorAction.PAUSE, field)
