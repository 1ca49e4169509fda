"""Percentiles of a histogram."""

from __future__ import annotations

import pytest

from relay.rules.percentiles import percentile

BOUNDS = (10.0, 100.0, 1000.0, None)


@pytest.mark.parametrize(
    ("counts", "share", "value"),
    [
        ((0, 0, 0, 0), 0.5, None),
        ((10, 0, 0, 0), 0.5, 5.0),
        ((5, 5, 0, 0), 0.5, 10.0),
        ((5, 5, 0, 0), 0.95, 91.0),
        ((0, 0, 4, 0), 0.5, 550.0),
        ((1, 0, 0, 9), 0.95, 1000.0),  # the last bucket has no bound
    ],
)
def test_the_value_below_which_a_share_lies(
    counts: tuple[int, ...], share: float, value: float | None
) -> None:
    assert percentile(BOUNDS, counts, share) == pytest.approx(value)
