"""The actors: three lines each.  Woken by name; whatever they do, the database says what is due."""

from __future__ import annotations

import dramatiq

from relay import broker
from relay.delivery import drain, lane_drain, opening
from relay.services.alerts import canary
from relay.services.destinations import access as destination_access
from relay.services.destinations import account as destination_account


@dramatiq.actor(queue_name=broker.QUEUE, max_retries=0, priority=-1)
def route_events(_key: object = "") -> None:
    """Write deliveries for unrouted events; wake itself where more may wait.

    The deliveries of one destination are sent here, without another way through the broker.
    """
    opening.route_and_send()


@dramatiq.actor(queue_name=broker.QUEUE, max_retries=0)
def drain_destination(destination_id: int) -> None:
    """Send what is due for one destination, or help the drain that does."""
    if not lane_drain.LocalLanes.current().has(destination_id):
        drain.run(destination_id) or lane_drain.run(destination_id)


@dramatiq.actor(queue_name=broker.QUEUE, max_retries=0)
def read_account(destination_id: int) -> None:
    """Read the account behind a destination: its live fields."""
    destination_account.read(destination_id)


@dramatiq.actor(queue_name=broker.QUEUE, max_retries=0)
def check_access(destination_id: int) -> None:
    """Check the credentials of a destination."""
    destination_access.check(destination_id)


@dramatiq.actor(queue_name=broker.QUEUE, max_retries=0)
def receive_canaries(_key: object = "") -> None:
    """For workers of older versions, which wake it: record the canaries that arrived."""
    canary.receive()
