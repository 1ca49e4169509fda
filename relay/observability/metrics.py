"""The counters and histograms of this host.  ``exposition`` makes their text for Prometheus.

They are in files, so that the processes of a host share them (see ``counts``).
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from relay.observability.counts import Addition, Counts, Numbers, Series, add_up, fold, read_all

MAX_SERIES = 200  # of one metric, on one host; further label values are counted as OTHER
OTHER = "other"
_counts = Counts()


def init_metrics(data_dir: Path) -> None:
    """Keep the counters in the data directory.  A process that counts nothing writes nothing."""
    _counts.keep_in(data_dir / "metrics")


class Counted:
    """What counters and histograms share: a series for each set of label values."""

    def __init__(self, name: str, text: str, labels: Sequence[str], size: int, more: object = None):
        self.name, self.text, self.label_names, self.size = name, text, tuple(labels), size
        self.more = more
        self.children: dict[tuple[str, ...], Series] = {}
        METRICS.append(self)
        if not self.label_names:
            self.series_of(())

    def series_of(self, values: tuple[str, ...]) -> Series:
        series = self.children.get(values)
        if series is None:
            if len(self.children) >= MAX_SERIES:
                values = (OTHER,) * len(values)
            series = _counts.new_series(self.key_of(values), self.size)
            self.children[values] = series
        return series

    def key_of(self, values: Sequence[str]) -> str:
        return json.dumps([self.name, [value[:100] for value in values], self.more])

    def values_in(self, numbers: Numbers) -> Iterator[tuple[list[str], Sequence[float]]]:
        """-> (label values, numbers) of each series.  A metric without labels has one at once."""
        if not self.label_names:
            yield [], numbers.get(self.key_of(()), [0.0] * self.size)
            return
        for key, found in sorted(numbers.items()):
            name, values, more = json.loads(key)
            if (name, len(values), more) == (self.name, len(self.label_names), self.more):
                yield values, found


METRICS: list[Counted] = []


@dataclass(frozen=True)
class CounterChild:
    series: Series

    def inc(self, amount: float = 1) -> None:
        _counts.add((self.series, 0, amount, 0.0))


class Counter(Counted):
    """Counts up.  Its name ends with ``_total``."""

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()):
        super().__init__(name, text, labels, 1)

    def labels(self, *values: str) -> CounterChild:
        return CounterChild(self.series_of(values))

    def inc(self, amount: float = 1) -> None:
        _counts.add((self.series_of(()), 0, amount, 0.0))


@dataclass(frozen=True)
class HistogramChild:
    series: Series
    bounds: tuple[float, ...]

    def observe(self, value: float) -> None:
        _counts.add((self.series, bisect_left(self.bounds, value), 1.0, value))


class Histogram(Counted):
    """Counts values by size.  Its numbers: one for each bucket, one for larger values, the sum."""

    def __init__(
        self, name: str, text: str, labels: Sequence[str] = (), *, buckets: Sequence[float]
    ):
        self.bounds = tuple(float(bound) for bound in buckets)
        super().__init__(name, text, labels, len(self.bounds) + 2, list(self.bounds))

    def labels(self, *values: str) -> HistogramChild:
        return HistogramChild(self.series_of(values), self.bounds)

    def observe(self, value: float) -> None:
        _counts.add(self.addition((), value))

    def addition(self, labels: tuple[str, ...], value: float) -> Addition:
        """What observing ``value`` adds to the series with these label values."""
        return self.series_of(labels), bisect_left(self.bounds, value), 1.0, value


INGEST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
CALL = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
# a delivery that waits for its last retry takes more than a day
DELIVERY = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 43_200, 172_800)

events_accepted = Counter("relay_events_accepted_total", "Events that were stored (202).")
events_duplicate = Counter("relay_events_duplicate_total", "Events that were received before.")
events_rejected = Counter("relay_events_rejected_total", "Rejected requests.", ["reason"])
ingest_seconds = Histogram("relay_ingest_seconds", "From request to response.", buckets=INGEST)
attempts = Counter("relay_attempts_total", "Outbound calls.", ["kind", "outcome"])
attempt_seconds = Histogram("relay_attempt_seconds", "One outbound call.", ["kind"], buckets=CALL)
event_to_delivery = Histogram(
    "relay_event_to_delivery_seconds", "From stored event to completed delivery.", buckets=DELIVERY
)
fields_left_out = Counter(
    "relay_fields_left_out_total", "Fields that deliveries were sent without.", ["kind"]
)
ai_tokens = Counter("relay_ai_tokens_total", "Tokens of AI steps.")
ai_cost = Counter("relay_ai_cost_total", "Cost of AI steps, in the currency of their service.")
alert_messages = Counter(
    "relay_alert_messages_total", "Messages to alert channels.", ["kind", "outcome"]
)
log_lines_dropped = Counter(
    "relay_log_lines_dropped_total", "Log lines that could not be written, such as on a full disk."
)


def count_attempt(
    kind: str, outcome: str, seconds: float, waited_s: float | None, left_out: int
) -> None:
    """Count one outbound call.  ``waited_s`` is the time since its event was stored, if it delivered it."""
    added = []
    if waited_s is not None:
        added.append(event_to_delivery.addition((), waited_s))
    added.append((attempts.series_of((kind, outcome)), 0, 1.0, 0.0))
    added.append(attempt_seconds.addition((kind,), seconds))
    if left_out:
        added.append((fields_left_out.series_of((kind,)), 0, float(left_out), 0.0))
    _counts.add(*added)


def bounded(
    values: Mapping[str, float], rest: Callable[[Iterable[float]], float] = sum
) -> dict[str, float]:
    """The MAX_SERIES largest; the others are one value: ``rest`` of them, as OTHER."""
    if len(values) <= MAX_SERIES:
        return dict(values)
    largest = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    kept = dict(largest[: MAX_SERIES - 1])
    kept[OTHER] = rest([kept.get(OTHER, 0), *(value for _, value in largest[MAX_SERIES - 1 :])])
    return kept


def sums() -> Numbers:
    """The numbers of all processes of this host, also of those that ended."""
    folder, own, numbers = _counts.snapshot()
    if folder is not None and folder.exists():
        with suppress(OSError):  # a full disk: the files are added up all the same
            fold(folder)
        with suppress(OSError):
            add_up(numbers, read_all(folder, without=own))
    return numbers
