"""The broker of this process, and ``nudge``, which wakes a worker.

All work is in the database; a message only tells a worker to check it now.  A lost, duplicate or
late message changes nothing, and a broker that is down costs one short wait.
"""

from __future__ import annotations

import threading
import time
from functools import cached_property
from typing import TYPE_CHECKING

from flask import Flask, current_app

from relay.observability.logging import log

if TYPE_CHECKING:
    from redis import Redis

    from relay.redis_broker import BlockingBroker

QUEUE, NAMESPACE = "relay", "relay"
NUDGE_TTL_MS = 5_000
REST_S = 2.0  # seconds without another try after the broker failed
SEEN_LONGEST_S = 10**9  # 31 years: what is left of it says how long ago a role was seen


class BrokerAway(Exception):
    """The broker did not take a wake-up.  Its text is the name of the client's error."""


def mark(name: str, key: object) -> str:
    return f"relay:nudge:{name}:{key}"


def heartbeat_key(role: str, process: str) -> str:
    """The key that a process of a role (``worker``, ``scheduler``) writes while it runs."""
    return f"relay:heartbeat:{role}:{process}"


def seen_key(role: str) -> str:
    """The key that says by its remaining time when any process of the role last wrote its heartbeat."""
    return f"relay:seen:{role}"


class Nudger:
    """Sends deduplicated wake-ups; never raises and never waits for long."""

    def __init__(self, app: Flask, url: str):
        self.app, self.url = app, url
        self.stopping = threading.Event()
        self.resting_until = 0.0

    @cached_property
    def client(self) -> Redis:
        """The client for the broker's server.  It and the broker are made when they are used first."""
        from relay.lean_redis import NoBackoff, Retry, redis

        # of our own: given a url, Dramatiq's broker would ignore these timeouts
        return redis.Redis.from_url(
            self.url, socket_connect_timeout=0.5, socket_timeout=2.0, retry=Retry(NoBackoff(), 0)
        )

    @cached_property
    def broker(self) -> BlockingBroker:
        client = self.client  # first: it imports redis without what Relay does not use
        from relay.redis_broker import make_broker

        return make_broker(self.app, client, self.stopping)

    def prepare(self) -> None:
        """Make the broker now, in a process that runs: its threads share it, and its actors bind to it."""
        _ = self.broker

    def nudge(self, name: str, key: object = "", first: bool = False) -> bool:
        """Wake the actor ``name`` for ``key``, unless a wake-up for it is already queued.

        ``first``: before the wake-ups that wait.
        """
        if time.monotonic() < self.resting_until:
            return False
        try:
            return self.broker.wake(name, key, first)
        except BrokerAway as exc:
            # the rows are in the database, and the scheduler finds them at its next turn
            self.resting_until = time.monotonic() + REST_S
            log("broker.away", level="warning", reason=str(exc))
            return False


def init_broker(app: Flask, url: str) -> Nudger:
    """Prepare the process's broker."""
    nudger = Nudger(app, url)
    app.extensions["relay_broker"] = nudger
    app.extensions["relay_stopping"] = nudger.stopping
    return nudger


def nudge(name: str, key: object = "", first: bool = False) -> bool:
    """Wake ``name`` for ``key`` through this application's broker.  Never raises."""
    nudger: Nudger = current_app.extensions["relay_broker"]
    return nudger.nudge(name, key, first)
