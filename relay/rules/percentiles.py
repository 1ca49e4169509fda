"""Percentiles of a histogram.  Pure: standard library only."""

from __future__ import annotations

from collections.abc import Sequence


def percentile(bounds: Sequence[float | None], counts: Sequence[int], share: float) -> float | None:
    """The value below which ``share`` of what was counted lies; None if nothing was counted.

    ``bounds`` are the upper bounds of the buckets, None for the last one, which has no bound: then the
    answer is the bound before it.  Within a bucket the values are taken as evenly spread.
    """
    total = sum(counts)
    if not total:
        return None
    rank, below, low = share * total, 0, 0.0
    for bound, count in zip(bounds, counts, strict=True):
        if bound is None:
            break
        if count and below + count >= rank:
            return low + (bound - low) * (rank - below) / count
        below, low = below + count, bound
    return low
