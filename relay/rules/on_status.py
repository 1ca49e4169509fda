"""What a destination's retry settings say about an HTTP status: retry, fail or pause.

Pure: standard library only.  A choice is stored by status (``"404"``) or by class (``"5xx"``).  It
replaces what the kind makes of an error, never a success and never a hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from relay.i18n import N_
from relay.rules.lifecycle import Failed, Refused, Signal

FIRST_HOUR_S = 3600.0
STATUS = re.compile(r"[3-5]([0-9]{2}|xx)")
RETRIES = N_("Relay retries.")


class StatusAction(StrEnum):
    """What to do with a delivery after an error."""

    RETRY = "retry"  # the whole retry schedule
    FIRST_HOUR = "first_hour"  # the retries in the first hour, then a failed delivery
    FAIL = "fail"  # a failed delivery at once
    PAUSE = "pause"  # the destination is paused, the delivery waits


Choices = Mapping[str, str]


def action_for(status: int, *choices: Choices | None) -> StatusAction | None:
    """The first choice for a status; one for the status itself goes before one for its class."""
    for chosen in choices:
        found = chosen and (chosen.get(str(status)) or chosen.get(f"{status // 100}xx"))
        if found:
            return StatusAction(found)
    return None


def apply(
    signal: Signal,
    status: int | None,
    retry_after_s: float | None,
    *choices: Choices | None,
) -> Signal:
    """The signal after the choices for the status of its reply.

    ``retry_after_s`` is what the reply asks for.  An answer below 500 comes from a service that is up,
    so the circuit breaker does not count it.
    """
    if status is None or not isinstance(signal, Failed | Refused):
        return signal
    action = action_for(status, *choices)
    if action is None:
        return signal
    said = signal.sentence.replace("; Relay retries.", ".").removesuffix(f" {RETRIES}")
    if action in (StatusAction.RETRY, StatusAction.FIRST_HOUR):
        within_s = FIRST_HOUR_S if action is StatusAction.FIRST_HOUR else None
        if isinstance(signal, Failed):
            return replace(signal, within_s=within_s)
        sentence = f"{_without_resume(said)} {RETRIES}"
        return Failed(signal.code, sentence, retry_after_s, signal.field, within_s, status < 500)
    if action is StatusAction.FAIL:
        return Refused(signal.code, _without_resume(said), field=signal.field)
    if isinstance(signal, Refused) and signal.pause:
        return signal
    why = N_("Its retry settings pause it after this error: resume it once the cause is fixed.")
    return Refused(signal.code, f"{said} {why}", pause=True, field=signal.field)


def _without_resume(sentence: str) -> str:
    """A sentence about an error without the advice to resume the destination: it is not paused."""
    return re.sub(r"(,? then resume it|,? and resume( the destination| it)?)\.", ".", sentence)
