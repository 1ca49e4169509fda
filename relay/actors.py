"""The actors: three lines each.  Woken by name; whatever they do, the database says what is due."""

from __future__ import annotations

import dramatiq

from relay import broker
from relay.delivery import drain, router
from relay.services.alerts import canary
from relay.services.destinations import account as destination_account


@dramatiq.actor(queue_name=broker.QUEUE, max_retries=0)
def route_events(_key: object = "") -> None:
    """Write deliveries for unrouted events; wake itself where more may wait."""
    if router.route_batch() == router.BATCH:
        broker.nudge("route_events")


@dramatiq.actor(queue_name=broker.QUEUE, max_retries=0)
def drain_destination(destination_id: int) -> None:
    """Send what is due for one destination."""
    drain.run(destination_id)


@dramatiq.actor(queue_name=broker.QUEUE, max_retries=0)
def read_account(destination_id: int) -> None:
    """Read the account behind a destination: its live fields."""
    destination_account.read(destination_id)


@dramatiq.actor(queue_name=broker.QUEUE, max_retries=0)
def receive_canaries(_key: object = "") -> None:
    """Record that routed canaries arrived at a worker."""
    canary.receive()
