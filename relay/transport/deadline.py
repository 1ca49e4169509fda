"""The time that a whole call may take, however many reads and writes it is made of."""

from __future__ import annotations

import time


class Deadline:
    """An instant on the monotonic clock, ``seconds`` from now."""

    def __init__(self, seconds: float):
        self.began = time.monotonic()
        self.until = self.began + seconds

    def left_s(self) -> float:
        """Seconds left, more than none.  Raises TimeoutError once the time is up."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for this call is up")
        return left

    def within(self, seconds: float) -> Deadline:
        """A deadline for a part of the call: ``seconds`` from now, but never past this one."""
        part = Deadline(seconds)
        part.until = min(part.until, self.until)
        return part

    def elapsed_ms(self) -> float:
        return (time.monotonic() - self.began) * 1000
