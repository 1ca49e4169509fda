"""The chart of what a rule saw."""

from __future__ import annotations

from relay.dashboard.alert_chart import HEIGHT, MARGIN, WIDTH, chart_of


def test_the_line_spans_the_box() -> None:
    chart = chart_of([[0, 0], [1800, 2], [3600, 4]], 2, "%")
    assert chart is not None
    assert chart.points == f"0.0,{HEIGHT - MARGIN} 100.0,20.0 {WIDTH},{MARGIN}"
    assert chart.threshold_y == 20.0
    assert chart.label == (
        "From 00:00 to 01:00 UTC: lowest 0 %, highest 4 %, last 4 %. Threshold: 2 %."
    )


def test_a_threshold_above_all_values_stays_in_the_box() -> None:
    chart = chart_of([[0, 1], [60, 1]], 10, "")
    assert chart is not None and chart.threshold_y == MARGIN


def test_zeros_and_a_missing_threshold_are_drawn() -> None:
    chart = chart_of([[0, 0], [60, 0]], None, "events")
    assert chart is not None and chart.threshold_y is None
    assert chart.points.endswith(f",{HEIGHT - MARGIN}")


def test_one_sample_is_no_chart() -> None:
    assert chart_of([], 1, "") is None
    assert chart_of([[0, 1]], 1, "") is None
    assert chart_of([[5, 1], [5, 2]], 1, "") is None
