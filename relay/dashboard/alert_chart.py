"""The small chart of what an alert rule saw: a line, and its threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from relay.i18n import _
from relay.services.alerts.wording import value_words

WIDTH, HEIGHT, MARGIN = 200.0, 40.0, 3.0


@dataclass(frozen=True)
class AlertChart:
    """``points`` of a polyline in a box of 200 x 40; ``threshold_y`` is None without a threshold.

    ``label`` says the same in words.
    """

    points: str
    threshold_y: float | None
    label: str


def chart_of(
    samples: Sequence[Sequence[float]], threshold: float | None, unit: str
) -> AlertChart | None:
    """The chart of ``[unix time, value]`` pairs, oldest first; None if there are fewer than two."""
    pairs = [(at, value) for at, value in samples]
    if len(pairs) < 2 or pairs[-1][0] <= pairs[0][0]:
        return None
    values = [value for _, value in pairs]
    top = max(*values, threshold or 0.0) or 1.0
    first, last = pairs[0][0], pairs[-1][0]

    def y(value: float) -> float:
        return round(HEIGHT - MARGIN - max(0.0, value) / top * (HEIGHT - 2 * MARGIN), 1)

    points = " ".join(
        f"{round((at - first) / (last - first) * WIDTH, 1)},{y(value)}" for at, value in pairs
    )
    label = _(
        "From %(start)s to %(end)s UTC: lowest %(lowest)s, highest %(highest)s, last %(last)s.",
        start=_clock(first),
        end=_clock(last),
        lowest=value_words(min(values), unit),
        highest=value_words(max(values), unit),
        last=value_words(values[-1], unit),
    )
    if threshold is None:
        return AlertChart(points, None, label)
    limit = _("Threshold: %(value)s.", value=value_words(threshold, unit))
    return AlertChart(points, y(threshold), f"{label} {limit}")


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M")
