"""Write ``relay.json``, the Grafana dashboard: ``python ops/grafana/write_dashboard.py``.

Counters are added up over the hosts; gauges from the database are the same on every web host, so max
takes one of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("relay.json")
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
SELECT = 'job="$job"'
QUANTILES = (0.5, 0.95, 0.99)
CIRCUITS = {
    "0": {"text": "closed", "color": "green"},
    "1": {"text": "open or held", "color": "red"},
    "2": {"text": "paused", "color": "orange"},
}

Query = tuple[str, str]  # expression and legend


def total(metric: str, by: str = "", where: str = "") -> str:
    """The rate per second of a counter, over all hosts."""
    selected = f"{metric}{{{SELECT}{', ' + where if where else ''}}}"
    return f"sum{f' by ({by})' if by else ''} (rate({selected}[$__rate_interval]))"


def newest(metric: str, by: str = "") -> str:
    """A gauge from the database."""
    return f"max{f' by ({by})' if by else ''} ({metric}{{{SELECT}}})"


def quantiles(metric: str) -> list[Query]:
    return [
        (f"histogram_quantile({q}, {total(f'{metric}_bucket', 'le')})", f"p{q * 100:.0f}")
        for q in QUANTILES
    ]


def panel(
    kind: str, title: str, text: str, queries: list[Query], unit: str, width: int, **more: Any
) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": unit, "min": 0, **more.pop("defaults", {})}
    return {
        "type": kind,
        "title": title,
        "description": text,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": more.pop("options", {}),
        "targets": [
            {"refId": chr(ord("A") + n), "datasource": SOURCE, "expr": expr, "legendFormat": legend}
            for n, (expr, legend) in enumerate(queries)
        ],
        "gridPos": {"w": width, "h": 4 if kind == "stat" else 8},
    }


def stat(
    title: str, text: str, expr: str, unit: str, red_from: float | None = None
) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if red_from is not None:
        steps.append({"color": "red", "value": red_from})
    return panel(
        "stat",
        title,
        text,
        [(expr, "")],
        unit,
        4,
        defaults={"thresholds": {"mode": "absolute", "steps": steps}},
        options={"reduceOptions": {"calcs": ["lastNotNull"]}, "graphMode": "area"},
    )


def chart(
    title: str, text: str, queries: list[Query], unit: str, stack: bool = False
) -> dict[str, Any]:
    custom = {
        "fillOpacity": 20 if stack else 5,
        "stacking": {"mode": "normal" if stack else "none"},
    }
    return panel(
        "timeseries",
        title,
        text,
        queries,
        unit,
        12,
        defaults={"custom": custom},
        options={
            "legend": {"displayMode": "table", "placement": "right", "calcs": ["lastNotNull"]}
        },
    )


def panels() -> Iterator[dict[str, Any]]:
    failed = total("relay_attempts_total", where='outcome=~"failed|refused|lost"')
    made = total("relay_attempts_total", where='outcome!="held"')
    share = f"({failed} or vector(0)) / clamp_min({made}, 1e-9)"
    recently = newest("relay_destination_failed_recently", "destination")
    well = newest("relay_destination_delivered_recently", "destination")
    yield stat(
        "Open alerts", "All rules.", f"sum({newest('relay_alerts_open', 'rule')})", "short", 1
    )
    yield stat("Failed deliveries", "Not resolved.", newest("relay_dead_letters_open"), "short", 1)
    yield stat("Oldest due", "How late it is.", newest("relay_oldest_due_seconds"), "s", 300)
    yield stat("Failed attempts", "Share of the calls.", share, "percentunit", 0.02)
    yield stat(
        "Canary", "Round trip of the newest test event.", newest("relay_canary_seconds"), "s", 60
    )
    yield stat("AI cost per hour", "", f"3600 * {total('relay_ai_cost_total')}", "short")
    yield chart(
        "Events",
        "Stored events, and events that were sent again.",
        [
            (total("relay_events_accepted_total"), "stored"),
            (total("relay_events_duplicate_total"), "duplicates"),
        ],
        "reqps",
    )
    yield chart(
        "Rejected requests",
        "By reason.",
        [(total("relay_events_rejected_total", "reason"), "{{reason}}")],
        "reqps",
        stack=True,
    )
    yield chart(
        "Attempts",
        "Calls to destinations by outcome.",
        [(total("relay_attempts_total", "outcome"), "{{outcome}}")],
        "ops",
        stack=True,
    )
    yield chart(
        "Failure share by destination",
        "Deliveries of the last 5 minutes that became a failed delivery.",
        [(f"{recently} / clamp_min({recently} + {well}, 1)", "{{destination}}")],
        "percentunit",
    )
    yield chart(
        "Time to delivery",
        "From stored event to completed delivery.",
        quantiles("relay_event_to_delivery_seconds"),
        "s",
    )
    yield chart(
        "Duration of a call",
        "95th percentile by kind of destination.",
        [
            (
                f"histogram_quantile(0.95, {total('relay_attempt_seconds_bucket', 'le, kind')})",
                "{{kind}}",
            )
        ],
        "s",
    )
    yield chart(
        "Pending by destination",
        "",
        [(newest("relay_destination_pending", "destination"), "{{destination}}")],
        "short",
        stack=True,
    )
    yield chart(
        "Oldest due by destination",
        "How late the oldest delivery is that may be sent.",
        [(newest("relay_destination_oldest_due_seconds", "destination"), "{{destination}}")],
        "s",
    )
    yield panel(
        "state-timeline",
        "Circuits",
        "Whether Relay sends to a destination.",
        [(newest("relay_circuit_state", "destination"), "{{destination}}")],
        "short",
        12,
        defaults={"mappings": [{"type": "value", "options": CIRCUITS}]},
    )
    yield chart(
        "Open alerts by rule",
        "",
        [(f"{newest('relay_alerts_open', 'rule')} > 0", "{{rule}}")],
        "short",
        stack=True,
    )
    yield chart(
        "Time to answer a site",
        "From request to response.",
        quantiles("relay_ingest_seconds"),
        "s",
    )
    yield chart(
        "Deliveries by state", "", [(newest("relay_deliveries", "state"), "{{state}}")], "short"
    )
    yield chart("AI", "Tokens per second.", [(total("relay_ai_tokens_total"), "tokens")], "short")
    yield chart(
        "Messages of alerts",
        "By kind of channel and outcome, and log lines that could not be written.",
        [
            (total("relay_alert_messages_total", "kind, outcome"), "{{kind}} {{outcome}}"),
            (total("relay_log_lines_dropped_total"), "dropped log lines"),
        ],
        "ops",
    )


def placed() -> list[dict[str, Any]]:
    """The panels with their ids and places, from left to right."""
    result, x, y, height = [], 0, 0, 0
    for number, one in enumerate(panels(), 1):
        place = one["gridPos"]
        if x + place["w"] > 24:  # noqa: PLR2004 - the width of Grafana's grid
            x, y = 0, y + height
        one = {"id": number, **one, "gridPos": {**place, "x": x, "y": y}}
        x, height = x + place["w"], place["h"]
        result.append(one)
    return result


def dashboard() -> dict[str, Any]:
    chosen = {"datasource": SOURCE, "refresh": 1, "includeAll": False, "multi": False}
    return {
        "uid": "relay",
        "title": "Relay",
        "tags": ["relay"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {
            "list": [
                {
                    "name": "datasource",
                    "label": "Data source",
                    "type": "datasource",
                    "query": "prometheus",
                },
                {
                    **chosen,
                    "name": "job",
                    "label": "Job",
                    "type": "query",
                    "query": {"query": "label_values(relay_build_info, job)", "refId": "job"},
                },
            ]
        },
        "annotations": {"list": []},
        "panels": placed(),
    }


def as_text() -> str:
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    TARGET.write_text(as_text(), encoding="utf-8")
