"""Charts: what a page shows of a series of counts, as data for the script and as a table.

The table is part of the page, so a chart can be read without the script and by a screen reader.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from babel.numbers import format_decimal
from flask import Flask

from relay.dashboard.filters import duration, number
from relay.i18n import N_, _, language, ngettext
from relay.local_dates import in_words
from relay.services.traffic.reading import CallStep, ChartRange, ChartSteps, HoldTime, TrafficSeries

RANGES = {
    ChartRange.HOUR: (N_("1 hour"), N_("in the last hour")),
    ChartRange.DAY: (N_("24 hours"), N_("in the last 24 hours")),
    ChartRange.MONTH: (N_("30 days"), N_("in the last 30 days")),
}
# Patterns of Unicode for the times of the table: translated as a text is.
FORMATS = {
    ChartRange.HOUR: "HH:mm",
    ChartRange.DAY: N_("EEE HH:mm"),
    ChartRange.MONTH: N_("EEE dd MMM"),
}
STATUS_WORDS = {
    "paused": N_("Paused"),
    "held": N_("On hold"),
    "circuit_open": N_("Not responding"),
}


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
                words = in_words(local, _(FORMATS[self.steps.range]))
                found.append((words, begin.isoformat(), shown))
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
        return _("under 10 ms")
    if value < 1000:
        return f"{value:.0f} ms"  # i18n: keep
    return f"{_decimal(value / 1000, '0.0')} s"  # i18n: keep


def _decimal(value: float, pattern: str) -> str:
    return format_decimal(value, pattern, locale=language())


def share_words(share: float | None) -> str:
    """``99.5 %``; a dash for None.  Never rounded to 100 % or to 0 %."""
    if share is None:
        return "–"
    percent = min(round(share * 100, 1), 99.9) if share < 1 else 100.0
    percent = max(percent, 0.1) if share > 0 else 0.0
    return f"{_decimal(percent, '0.#')}\u202f%"


def chosen_range(text: str, default: ChartRange = ChartRange.DAY) -> ChartRange:
    """The range that a URL asks for."""
    return ChartRange(text) if text in list(ChartRange) else default


def traffic_chart(
    id_: str,
    title: str,
    series: TrafficSeries,
    zone: tzinfo,
    holds: Iterable[HoldTime] = (),
    received: str = N_("Received"),
) -> ChartView:
    """Received, delivered and failed over time; ``received`` is empty if that line is left out."""
    numbers = [
        ("received", received, series.received),
        ("delivered", N_("Delivered"), series.delivered),
        ("failed", N_("Failed"), series.failed),
    ]
    lines = [
        ChartLine(key, _(label), values)
        for key, label, values in numbers
        if label and (key != "failed" or any(values))
    ]
    sums = [
        f"{number(sum(line.values))} {line.label.lower()}"  # type: ignore[arg-type] # i18n: keep
        for line in lines
    ]
    said = [
        _("%(counts)s %(when)s.", counts=join(sums), when=_(RANGES[series.steps.range][1])),
        *([] if any(series.failed) else [_("No delivery failed in this time.")]),
    ]
    bands = [_band(hold, zone) for hold in holds]
    return ChartView(
        *(id_, title, series.steps, zone, lines, bands),
        summary=" ".join(said),
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
    most = (
        _("less than 10 ms")
        if slowest and slowest < 10
        else _("at most %(time)s", time=milliseconds(slowest))
    )
    when = _(RANGES[steps.range][1])
    summary = _("95 %% of the attempts took %(most)s %(when)s.", most=most, when=when)
    return ChartView(id_, title, steps, zone, lines, (), summary, slowest is None)


def _band(hold: HoldTime, zone: tzinfo) -> ChartBand:
    label = _(STATUS_WORDS.get(hold.status, hold.status))
    values = {
        "name": hold.name,
        "state": label.lower(),
        "time": in_words(hold.began_at.astimezone(zone), _("dd MMM HH:mm")),
        "lasted": duration((hold.until - hold.began_at).total_seconds()),
    }
    words = (
        _("%(name)s: %(state)s since %(time)s, for %(lasted)s so far", **values)
        if hold.lasts
        else _("%(name)s: %(state)s since %(time)s, for %(lasted)s", **values)
    )
    return ChartBand(hold.began_at, hold.until, hold.status, label, words)


def join(parts: Sequence[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    return _("%(some)s and %(last)s", some=", ".join(parts[:-1]), last=parts[-1])


# ---- sparklines ----------------------------------------------------------------------------------

SPARK_WIDTH, SPARK_HEIGHT = 96.0, 24.0


@dataclass(frozen=True)
class Sparkline:
    """A small chart: bars as (x, y, height, height of what failed), in a box of 96 x 24."""

    bars: Sequence[tuple[float, float, float, float]]
    width: float
    label: str


def sparkline(
    values: Sequence[int], failed: Sequence[int], of_deliveries: bool = False
) -> Sparkline | None:
    """None if there is nothing to show.  ``failed`` is a part of ``values``, which count events or deliveries."""
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
    total = sum(values)
    # English has the same text for one
    label = (
        ngettext(
            "%(num)s deliveries in the last 24 hours",
            "%(num)s deliveries in the last 24 hours",
            total,
            num=number(total),
        )
        if of_deliveries
        else ngettext(
            "%(num)s events in the last 24 hours",
            "%(num)s events in the last 24 hours",
            total,
            num=number(total),
        )
    )
    if any(failed):
        label += f", {_('%(count)s failed', count=number(sum(failed)))}"
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
    return sparkline(finished, series.failed, of_deliveries=True)


def init_app(app: Flask) -> None:
    filters: dict[str, Any] = {
        "milliseconds": milliseconds,
        "share_words": share_words,
        "spark_of_site": spark_of_site,
        "spark_of_destination": spark_of_destination,
    }
    for name, function in filters.items():
        app.add_template_filter(function, name)
