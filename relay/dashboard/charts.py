"""Charts: what a page shows of a series of counts, as data for the script and as a table.

The table is part of the page, so a chart can be read without the script and by a screen reader.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from flask import Flask

from relay.dashboard.filters import duration, number
from relay.services.traffic.reading import CallStep, ChartRange, ChartSteps, HoldTime, TrafficSeries

RANGES = {
    ChartRange.HOUR: ("1 hour", "in the last hour"),
    ChartRange.DAY: ("24 hours", "in the last 24 hours"),
    ChartRange.MONTH: ("30 days", "in the last 30 days"),
}
FORMATS = {ChartRange.HOUR: "%H:%M", ChartRange.DAY: "%a %H:%M", ChartRange.MONTH: "%a %d %b"}
STATUS_WORDS = {"paused": "Paused", "held": "On hold", "circuit_open": "Not responding"}


@dataclass(frozen=True)
class ChartLine:
    """One line of a chart.  ``key`` is its colour in the stylesheet; None is a gap."""

    key: str
    label: str
    values: Sequence[float | None]
    unit: str = ""


@dataclass(frozen=True)
class ChartBand:
    """A time in which something was different, such as an outage."""

    begin: datetime
    end: datetime
    status: str
    label: str
    words: str


@dataclass(frozen=True)
class ChartView:
    """A chart: ``rows`` are the lines of its table, ``summary`` says the same in one sentence."""

    id: str
    title: str
    steps: ChartSteps
    zone: tzinfo
    lines: Sequence[ChartLine]
    bands: Sequence[ChartBand]
    summary: str
    is_empty: bool

    @property
    def data(self) -> str:
        """What the script draws, as JSON."""
        return json.dumps(
            {
                "zone": str(self.zone),
                "range": self.steps.range.value,
                "end": self.steps.end.timestamp(),
                "x": [begin.timestamp() for begin in self.steps.begins],
                "lines": [
                    {
                        "key": one.key,
                        "label": one.label,
                        "unit": one.unit,
                        "values": list(one.values),
                    }
                    for one in self.lines
                ],
                "bands": [
                    {
                        "from": band.begin.timestamp(),
                        "to": band.end.timestamp(),
                        "status": band.status,
                    }
                    for band in self.bands
                ],
            },
            separators=(",", ":"),
        )

    @property
    def band_labels(self) -> list[tuple[str, str]]:
        """-> (label, status) of each kind of band, for the legend"""
        return list(dict.fromkeys((band.label, band.status) for band in self.bands))

    @property
    def rows(self) -> list[tuple[str, str, list[str]]]:
        """-> (time, the time as in HTML, the values) of each step with something in it, newest first"""
        found = []
        for at, begin in enumerate(self.steps.begins):
            values = [line.values[at] for line in self.lines]
            if any(values):
                shown = [value_words(value, self.lines[n].unit) for n, value in enumerate(values)]
                local = begin.astimezone(self.zone)
                found.append((local.strftime(FORMATS[self.steps.range]), begin.isoformat(), shown))
        return found[::-1]


def value_words(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    return milliseconds(value) if unit == "ms" else number(value)


def milliseconds(value: float | None) -> str:
    """``45 ms``, ``1.2 s``; a dash for None."""
    if value is None:
        return "–"
    if value < 10:
        return "under 10 ms"
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


def share_words(share: float | None) -> str:
    """``99.5 %``; a dash for None.  Never rounded to 100 % or to 0 %."""
    if share is None:
        return "–"
    percent = min(round(share * 100, 1), 99.9) if share < 1 else 100.0
    percent = max(percent, 0.1) if share > 0 else 0.0
    return f"{percent:g}\u202f%"


def chosen_range(text: str, default: ChartRange = ChartRange.DAY) -> ChartRange:
    """The range that a URL asks for."""
    return ChartRange(text) if text in list(ChartRange) else default


def traffic_chart(
    id_: str,
    title: str,
    series: TrafficSeries,
    zone: tzinfo,
    holds: Iterable[HoldTime] = (),
    received: str = "Received",
) -> ChartView:
    """Received, delivered and failed over time; ``received`` is empty if that line is left out."""
    numbers = [
        ("received", received, series.received),
        ("delivered", "Delivered", series.delivered),
        ("failed", "Failed", series.failed),
    ]
    lines = [
        ChartLine(key, label, values)
        for key, label, values in numbers
        if label and (key != "failed" or any(values))
    ]
    sums = [f"{number(sum(line.values))} {line.label.lower()}" for line in lines]  # type: ignore[arg-type]
    when = RANGES[series.steps.range][1]
    bands = [_band(hold, zone) for hold in holds]
    return ChartView(
        *(id_, title, series.steps, zone, lines, bands),
        summary=f"{join(sums)} {when}."
        if any(series.failed)
        else f"{join(sums)} {when}. No delivery failed in this time.",
        is_empty=series.is_empty and not bands,
    )


def duration_chart(
    id_: str, title: str, steps: ChartSteps, calls: Sequence[CallStep], zone: tzinfo
) -> ChartView:
    """How long half and 95 % of the attempts took, over time."""
    lines = [
        ChartLine("p50", "p50", [one.p50_ms for one in calls], "ms"),
        ChartLine("p95", "p95", [one.p95_ms for one in calls], "ms"),
    ]
    slowest = max((one.p95_ms for one in calls if one.p95_ms is not None), default=None)
    most = "less than 10 ms" if slowest and slowest < 10 else f"at most {milliseconds(slowest)}"
    summary = f"95 % of the attempts took {most} {RANGES[steps.range][1]}."
    return ChartView(id_, title, steps, zone, lines, (), summary, slowest is None)


def _band(hold: HoldTime, zone: tzinfo) -> ChartBand:
    label = STATUS_WORDS.get(hold.status, hold.status)
    began = hold.began_at.astimezone(zone).strftime("%d %b %H:%M")
    lasted = duration((hold.until - hold.began_at).total_seconds())
    words = f"{hold.name}: {label.lower()} since {began}" + (
        f", for {lasted} so far" if hold.lasts else f", for {lasted}"
    )
    return ChartBand(hold.began_at, hold.until, hold.status, label, words)


def join(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


# ---- sparklines ----------------------------------------------------------------------------------

SPARK_WIDTH, SPARK_HEIGHT = 96.0, 24.0


@dataclass(frozen=True)
class Sparkline:
    """A small chart: bars as (x, y, height, height of what failed), in a box of 96 x 24."""

    bars: Sequence[tuple[float, float, float, float]]
    width: float
    label: str


def sparkline(
    values: Sequence[int], failed: Sequence[int], noun: str = "events"
) -> Sparkline | None:
    """None if there is nothing to show.  ``failed`` is a part of ``values``."""
    top = max(values, default=0)
    if not top:
        return None
    step = SPARK_WIDTH / len(values)
    bars = []
    for at, (value, bad) in enumerate(zip(values, failed, strict=True)):
        if value:
            height = max(1.5, value / top * SPARK_HEIGHT)
            red = max(1.5, bad / top * SPARK_HEIGHT) if bad else 0.0
            bars.append(
                (
                    round(at * step, 1),
                    round(SPARK_HEIGHT - height, 1),
                    round(height, 1),
                    round(red, 1),
                )
            )
    label = f"{number(sum(values))} {noun} in the last 24 hours"
    if any(failed):
        label += f", {number(sum(failed))} failed"
    return Sparkline(bars, round(step - 1, 1), label)


def spark_of_site(series: TrafficSeries | None) -> Sparkline | None:
    if series is None:
        return None
    bad = [min(pair) for pair in zip(series.failed, series.received, strict=True)]
    return sparkline(series.received, bad)


def spark_of_destination(series: TrafficSeries | None) -> Sparkline | None:
    if series is None:
        return None
    finished = [a + b for a, b in zip(series.delivered, series.failed, strict=True)]
    return sparkline(finished, series.failed, "deliveries")


def init_app(app: Flask) -> None:
    filters: dict[str, Any] = {
        "milliseconds": milliseconds,
        "share_words": share_words,
        "spark_of_site": spark_of_site,
        "spark_of_destination": spark_of_destination,
    }
    for name, function in filters.items():
        app.add_template_filter(function, name)
