"""The HTTP API for programs of operators, ``/api/v1``: one module per noun, each view an ``Operation``.

A request is checked by its API token alone (``access``).  The views call the services that the dashboard
calls, with the same roles, limits to sites and masking.
"""

from __future__ import annotations

from relay.api.v1 import (
    alert_channels,
    alerts,
    destinations,
    errors,
    events,
    failed_deliveries,
    health,
    sites,
)
from relay.api.v1.operations import Operation, blueprint

NOUNS = (health, sites, events, failed_deliveries, destinations, alerts, alert_channels)


def operations() -> list[Operation]:
    """Every operation, in the order of the documentation."""
    return [one for noun in NOUNS for one in noun.group.operations]


errors.register(blueprint)
