"""The counters and histograms.  They are in files, so that the processes of a host share them.

The gauges (deliveries by state, oldest due, …) are read from the database when the metrics are read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# The library reads this variable once, at import.  So only this module imports it.
_FOLDER = Path(
    os.environ.setdefault(
        "PROMETHEUS_MULTIPROC_DIR",
        str(Path(os.environ.get("RELAY_DATA_DIR") or "instance").absolute() / "metrics"),
    )
)
try:
    _FOLDER.mkdir(parents=True, exist_ok=True)
except OSError as exc:  # at import, so nothing could catch a SettingsError
    sys.exit(f"RELAY_DATA_DIR cannot be used: Relay cannot create {_FOLDER} ({exc.strerror}).")

from prometheus_client import (  # noqa: E402
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST  # noqa: E402
from prometheus_client.metrics_core import GaugeMetricFamily, Metric  # noqa: E402

__all__ = ["CONTENT_TYPE_LATEST", "Metric", "exposition", "gauge"]

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
SLOW = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)

events_accepted = Counter("relay_events_accepted_total", "Events that were stored (202).")
events_duplicate = Counter("relay_events_duplicate_total", "Events that were received before.")
events_rejected = Counter("relay_events_rejected_total", "Rejected requests.", ["reason"])
ingest_seconds = Histogram("relay_ingest_seconds", "From request to response.", buckets=FAST)
attempts = Counter("relay_attempts_total", "Outbound calls.", ["kind", "outcome"])
attempt_seconds = Histogram("relay_attempt_seconds", "One outbound call.", ["kind"], buckets=SLOW)
event_to_delivery = Histogram(
    "relay_event_to_delivery_seconds", "From stored event to completed delivery.", buckets=SLOW
)
fields_left_out = Counter(
    "relay_fields_left_out_total", "Fields that deliveries were sent without.", ["kind"]
)
ai_tokens = Counter("relay_ai_tokens_total", "Tokens of AI steps.")
ai_cost = Counter("relay_ai_cost_total", "Cost of AI steps, in the currency of their service.")


def gauge(name: str, text: str, values: Mapping[str, float], label: str = "") -> Metric:
    """A gauge that was just read, with one value for each value of ``label``.

    Not a ``Gauge`` of the library: that would write a file, in which the value of each process stays
    after the process has ended.
    """
    family = GaugeMetricFamily(name, text, labels=[label] if label else [])
    for of, value in values.items():
        family.add_metric([of] if label else [], value)
    return family


@dataclass(frozen=True, eq=False)
class _JustRead:
    """Gauges as a collector of the library."""

    families: Sequence[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.families


def exposition(gauges: Sequence[Metric] = ()) -> bytes:
    """Prometheus text: the sums of all processes of this host, and these gauges."""
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    registry.register(_JustRead(gauges))
    return generate_latest(registry)
