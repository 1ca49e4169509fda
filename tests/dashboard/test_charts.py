"""What a chart says in words, in its table and to the script."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from relay.dashboard.charts import (
    chosen_range,
    duration_chart,
    milliseconds,
    share_words,
    sparkline,
    traffic_chart,
)
from relay.services.traffic.reading import CallStep, ChartRange, HoldTime, TrafficSeries, steps_of

NOW = datetime(2026, 11, 28, 9, 17, 30, tzinfo=UTC)
VIENNA = ZoneInfo("Europe/Vienna")


def series(range_: ChartRange = ChartRange.DAY) -> TrafficSeries:
    found = TrafficSeries(steps_of(range_, NOW, VIENNA))
    found.received[-1], found.delivered[-1], found.failed[-2] = 3, 2, 1
    return found


def test_the_steps_end_now_and_days_begin_at_midnight_there() -> None:
    hour, day, month = (steps_of(range_, NOW, VIENNA) for range_ in ChartRange)
    assert (len(hour.begins), hour.begins[-1]) == (60, NOW.replace(second=0))
    assert (len(day.begins), day.begins[-1]) == (24, NOW.replace(minute=0, second=0))
    assert len(month.begins) == 30
    assert month.begins[-1] == datetime(2026, 11, 27, 23, tzinfo=UTC)
    # the clocks there changed on 25 October
    summer = steps_of(ChartRange.MONTH, datetime(2026, 11, 1, tzinfo=UTC), VIENNA)
    assert {begin.hour for begin in summer.begins} == {22, 23}


def test_the_table_has_the_numbers_of_the_chart_in_the_persons_time_zone() -> None:
    chart = traffic_chart("c", "Events", series(), VIENNA)
    assert chart.rows == [
        ("Sat 10:00", "2026-11-28T09:00:00+00:00", ["3", "2", "0"]),
        ("Sat 09:00", "2026-11-28T08:00:00+00:00", ["0", "0", "1"]),
    ]
    assert chart.summary == "3 received, 2 delivered and 1 failed in the last 24 hours."
    data = json.loads(chart.data)
    assert data["zone"] == "Europe/Vienna" and len(data["x"]) == 24
    assert [line["values"][-1] for line in data["lines"]] == [3, 2, 0]


def test_a_line_without_failures_is_left_out_and_said() -> None:
    found = series()
    found.failed[-2] = 0
    chart = traffic_chart("c", "Events", found, VIENNA)
    assert [line.key for line in chart.lines] == ["received", "delivered"]
    assert (
        chart.summary
        == "3 received and 2 delivered in the last 24 hours. No delivery failed in this time."
    )


def test_a_chart_without_counts_is_empty_unless_a_destination_was_down() -> None:
    nothing = TrafficSeries(steps_of(ChartRange.DAY, NOW, VIENNA))
    assert traffic_chart("c", "Events", nothing, VIENNA).is_empty
    began = NOW.replace(hour=7)
    hold = HoldTime(1, "Hook", "circuit_open", began, NOW, lasts=True)
    chart = traffic_chart("c", "Events", nothing, VIENNA, [hold])
    assert not chart.is_empty
    assert chart.bands[0].words == "Hook: not responding since 28 Nov 08:17, for 2 h so far"
    assert chart.band_labels == [("Not responding", "circuit_open")]


@pytest.mark.parametrize(
    ("share", "words"),
    [(None, "–"), (1.0, "100"), (0.99999, "99.9"), (0.5, "50"), (0.00001, "0.1"), (0.0, "0")],
)
def test_a_share_is_never_rounded_to_all_or_none(share: float | None, words: str) -> None:
    assert share_words(share).rstrip("\u202f%") == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), (4.0, "under 10 ms"), (45.2, "45 ms"), (1234.0, "1.2 s")],
)
def test_durations(value: float | None, words: str) -> None:
    assert milliseconds(value) == words


def test_a_sparkline_shows_what_failed() -> None:
    line = sparkline([0, 10, 5], [0, 5, 0])
    assert line is not None
    assert line.bars == [(32.0, 0.0, 24.0, 12.0), (64.0, 12.0, 12.0, 0.0)]
    assert line.label == "15 events in the last 24 hours, 5 failed"
    assert sparkline([0, 0], [0, 0]) is None


def test_an_unknown_range_is_a_day() -> None:
    assert chosen_range("month") is ChartRange.MONTH
    assert chosen_range("century") is ChartRange.DAY


@pytest.mark.parametrize(
    ("p95", "sentence"),
    [
        (4.0, "95 % of the attempts took less than 10 ms in the last 24 hours."),
        (45.0, "95 % of the attempts took at most 45 ms in the last 24 hours."),
    ],
)
def test_the_response_time_reads_as_a_sentence(p95: float, sentence: str) -> None:
    steps = steps_of(ChartRange.DAY, NOW, VIENNA)
    assert duration_chart("c", "Time", steps, [CallStep(2.0, p95)], VIENNA).summary == sentence
