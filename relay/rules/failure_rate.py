"""Whether too many of the finished deliveries failed.

Pure: standard library only.  A delivery is finished when it was delivered or became a failed
delivery; retries in between do not count, and replays are counted apart.

Two windows must both be over the threshold: the short one so that the alert follows the present, the
long one so that a burst of failures within much traffic opens none.  With few finished deliveries a
share says little (1 of 1 is 100 %), so then the number of failed deliveries counts instead.

Sources: Google SRE workbook, "Alerting on SLOs" (two windows, low traffic).
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.rules.alerts import ReadingLevel

MIN_FINISHED = 50  # in the short window; below it, the counts of LOW_VOLUME_MINUTES apply
MIN_FAILED = 3
MIN_EVENTS = 2
SHORT_MINUTES = 5
LOW_VOLUME_MINUTES = 15
WIDE_MINUTES = LOW_VOLUME_MINUTES + SHORT_MINUTES
WIDE_FINISHED = MIN_FINISHED * WIDE_MINUTES // SHORT_MINUTES
LONG_MINUTES = 60


@dataclass(frozen=True)
class FailureCount:
    """The finished deliveries of a time, and how many of them failed."""

    finished: int = 0
    failed: int = 0

    @property
    def percent(self) -> float:
        """0 without any."""
        return 100 * self.failed / self.finished if self.finished else 0.0

    def is_over(self, percent: float) -> bool:
        """Exactly 2 of 100 are not over 2 %."""
        return self.failed * 100 > percent * self.finished


@dataclass(frozen=True)
class FailureWindows:
    """The counts of SHORT_MINUTES, LOW_VOLUME_MINUTES, WIDE_MINUTES and LONG_MINUTES.

    ``events`` is the number of events that the failed deliveries of ``low_volume`` belong to.
    """

    short: FailureCount
    low_volume: FailureCount
    wide: FailureCount
    long: FailureCount
    events: int = 0

    @property
    def has_few(self) -> bool:
        """Whether counts apply instead of the share."""
        return self.short.finished < MIN_FINISHED

    @property
    def needs_events(self) -> bool:
        """Whether the result depends on ``events``, which is expensive to count."""
        # With enough deliveries in 15 minutes the alert follows the present, as with many: it ends
        # when nothing has failed lately, not when the last failure is 15 minutes old.
        is_present = self.short.failed > 0 or self.low_volume.finished < MIN_FINISHED
        return self.has_few and self.low_volume.failed >= MIN_FAILED and is_present

    def is_low_volume_failure(self, threshold: float) -> bool:
        # When much traffic with few failures ends, those failures remain in the counts of the last 15
        # minutes.  The minutes before them show that they were a small share.
        is_small = self.wide.finished >= WIDE_FINISHED and not self.wide.is_over(threshold)
        return self.needs_events and self.events >= MIN_EVENTS and not is_small

    def level(self, threshold: float) -> ReadingLevel:
        """``threshold`` in percent; clear below half of it."""
        if self.is_low_volume_failure(threshold):
            return ReadingLevel.FIRING
        if (
            not self.has_few
            and self.short.failed >= MIN_FAILED
            and self.short.is_over(threshold)
            and self.long.is_over(threshold)
        ):
            return ReadingLevel.FIRING
        return ReadingLevel.CLEAR if self.short.percent < threshold / 2 else ReadingLevel.BETWEEN

    def value(self, threshold: float) -> float:
        """The share in percent that the level was decided by."""
        decisive = self.low_volume if self.is_low_volume_failure(threshold) else self.short
        return decisive.percent
