"""When an alert opens, is repeated and is resolved.

Pure: standard library only; the time is an argument.

    closed ── firing for fire_after_s ──▶ open ── clear for clear_after_s ──▶ resolved

A reading between both levels ends both waits and changes nothing else, so a value that goes up and
down around the threshold opens one alert and resolves none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from relay.rules.alerts import REMIND_EVERY_S, ReadingLevel
from relay.rules.states import AlertChange


class AlertStep(StrEnum):
    """What an evaluation does with the alert of one rule and subject."""

    NONE = "none"
    OPEN = "open"
    RESOLVE = "resolve"


@dataclass(frozen=True)
class Waits:
    """``firing_since`` is since when the rule has been met, ``clear_since`` since when it has been
    clear, both without interruption; at most one of them is set.
    """

    firing_since: datetime | None = None
    clear_since: datetime | None = None

    def advance(
        self,
        level: ReadingLevel,
        is_open: bool,
        now: datetime,
        fire_after_s: float,
        clear_after_s: float,
    ) -> tuple[Waits, AlertStep]:
        """The waits after a reading, and what follows from it."""
        if level is ReadingLevel.FIRING:
            since = self.firing_since or now
            is_due = (now - since).total_seconds() >= fire_after_s
            return Waits(since), AlertStep.OPEN if is_due and not is_open else AlertStep.NONE
        if level is ReadingLevel.BETWEEN:
            return Waits(), AlertStep.NONE
        since = self.clear_since or now
        is_due = (now - since).total_seconds() >= clear_after_s
        return Waits(None, since), AlertStep.RESOLVE if is_due and is_open else AlertStep.NONE


@dataclass(frozen=True)
class MessageFacts:
    """What decides whether a message about an open alert is due.

    ``is_reported``: its opening was reported.  ``notified_at`` is when a message was last queued,
    ``newest`` when the newest of the counted failures happened; None if the rule counts none.
    ``is_changed``: it became worse, or something else than before is wrong.
    """

    is_reported: bool = False
    is_changed: bool = False
    notified_at: datetime | None = None
    is_covered: bool = False
    is_muted: bool = False
    is_acknowledged: bool = False
    snoozed_until: datetime | None = None
    newest: datetime | None = None
    remind_every_s: float = REMIND_EVERY_S

    def due_change(self, now: datetime) -> AlertChange | None:
        """The change to report now, None if there is none."""
        is_snoozed = self.snoozed_until is not None and self.snoozed_until > now
        if is_snoozed or self.is_muted or self.is_covered or self.is_acknowledged:
            return None
        if not self.is_reported:
            return AlertChange.OPENED
        if self.notified_at is None:  # no channel wanted it
            return None
        was_snoozed = self.snoozed_until is not None and self.notified_at < self.snoozed_until
        if self.is_changed or was_snoozed:
            return AlertChange.REMINDER
        if self.newest is not None and self.newest <= self.notified_at:
            return None
        waited_s = (now - self.notified_at).total_seconds()
        return AlertChange.REMINDER if waited_s >= self.remind_every_s else None
