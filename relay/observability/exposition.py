"""The metrics of this host as text for Prometheus.

The gauges (deliveries by state, oldest due, …) are read from the database when the metrics are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from relay.observability.counts import Numbers
from relay.observability.metrics import METRICS, Counted, Histogram, sums

__all__ = ["CONTENT_TYPE_LATEST", "Metric", "build_info", "exposition", "gauge"]


def family_of(metric: Counted, numbers: Numbers) -> Metric:
    """The metric with the numbers of all processes."""
    if not isinstance(metric, Histogram):
        counter = CounterMetricFamily(metric.name, metric.text, labels=metric.label_names)
        for values, (number,) in metric.values_in(numbers):
            counter.add_metric(values, number)
        return counter
    histogram = HistogramMetricFamily(metric.name, metric.text, labels=metric.label_names)
    names = [*(repr(bound) for bound in metric.bounds), "+Inf"]
    for values, found in metric.values_in(numbers):
        buckets = list(zip(names, accumulate(found[:-1]), strict=True))
        histogram.add_metric(values, buckets, found[-1])
    return histogram


def gauge(name: str, text: str, values: Mapping[str, float], label: str = "") -> Metric:
    """A gauge that was just read, with one value for each value of ``label``.

    Without values it has no series.
    """
    family = GaugeMetricFamily(name, text, labels=[label] if label else [])
    for of, value in values.items():
        family.add_metric([of] if label else [], value)
    return family


def build_info(version: str) -> Metric:
    return gauge("relay_build_info", "1, with the version of Relay.", {version: 1}, "version")


@dataclass(frozen=True, eq=False)
class _JustRead:
    """Metrics as a collector of the library."""

    families: Sequence[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.families


def exposition(gauges: Sequence[Metric] = ()) -> bytes:
    """Prometheus text: the sums of all processes of this host, and these gauges."""
    numbers = sums()
    registry = CollectorRegistry()
    registry.register(_JustRead([*(family_of(metric, numbers) for metric in METRICS), *gauges]))
    return generate_latest(registry)
