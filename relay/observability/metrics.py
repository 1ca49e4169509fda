"""The counters and clocks of the contract, kept in files so that all processes of a host add up.

The gauges (deliveries by state, oldest due, …) are read from the database when somebody asks.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

# The library looks at this variable once, at import: so nobody imports it but by this file.
_FOLDER = Path(
    os.environ.setdefault(
        "PROMETHEUS_MULTIPROC_DIR",
        str(Path(os.environ.get("RELAY_DATA_DIR") or "instance").absolute() / "metrics"),
    )
)
try:
    _FOLDER.mkdir(parents=True, exist_ok=True)
except OSError as exc:  # at import already, before anybody could catch a SettingsError
    sys.exit(f"RELAY_DATA_DIR cannot be used: {_FOLDER} cannot be made ({exc.strerror}).")

from prometheus_client import (  # noqa: E402
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST  # noqa: E402

__all__ = ["CONTENT_TYPE_LATEST", "CollectorRegistry", "Gauge", "generate_latest"]

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
SLOW = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)

events_accepted = Counter("relay_events_accepted_total", "Events committed and answered 202.")
events_duplicate = Counter("relay_events_duplicate_total", "Events that had come before.")
events_rejected = Counter("relay_events_rejected_total", "Refused requests.", ["reason"])
ingest_seconds = Histogram("relay_ingest_seconds", "Request to answer.", buckets=FAST)
attempts = Counter("relay_attempts_total", "Outbound calls.", ["kind", "outcome"])
attempt_seconds = Histogram("relay_attempt_seconds", "One outbound call.", ["kind"], buckets=SLOW)
event_to_delivery = Histogram(
    "relay_event_to_delivery_seconds", "Event committed to delivery done.", buckets=SLOW
)
ai_tokens = Counter("relay_ai_tokens_total", "Tokens used by the AI step.")
ai_cost = Counter("relay_ai_cost_total", "Cost of the AI step, in its currency.")


def collected() -> CollectorRegistry:
    """A registry with the sums over all processes of this host."""
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return registry
