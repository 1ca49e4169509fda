"""What an attempt led to, as the sender threads hand it to the drain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from relay.destinations.base import ReportedQuota
from relay.rules.lifecycle import Signal
from relay.rules.notes import Note


@dataclass(frozen=True)
class AttemptResult:
    """The result of one delivery; ``request`` and ``response`` are masked and cut, ready to be stored.

    They are those of the last call; earlier ones are in ``request["earlier"]``.  ``calls`` counts
    the calls: the first of several deliveries that share calls counts all of them.  ``quotas`` are
    those the replies reported.  ``ai`` describes the AI step.  ``was_made`` is False if the
    destination was not called because the delivery waits for its AI step.  ``by_status`` and
    ``retry_after_s``: whether the signal follows from the status of the last reply, and what that
    reply asks for.  ``notes`` say what was left out.
    """

    signal: Signal
    attempt_key: str
    status: int | None
    elapsed_ms: float
    request: dict[str, Any]
    response: dict[str, Any]
    calls: int = 1
    quotas: tuple[ReportedQuota, ...] = ()
    ai: dict[str, Any] | None = None
    was_made: bool = True
    by_status: bool = True
    retry_after_s: float | None = None
    notes: tuple[Note, ...] = ()

    @property
    def has_call(self) -> bool:
        """Whether a call was made for this delivery.  A kind may accept one that needs none."""
        return bool(self.request)
