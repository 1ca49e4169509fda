"""The broker of this process, and ``nudge``, which wakes a worker.

All work is in the database; a message only tells a worker to check it now.  A lost, duplicate or
late message changes nothing, and a broker that is down costs one short wait.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import CurrentMessage, Middleware, Retries
from flask import Flask, current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from relay.observability.logging import log

QUEUE = "relay"
NUDGE_TTL_MS = 5_000
REST_S = 2.0  # seconds without another try after the broker failed
SEEN_LONGEST_S = 10**9  # 31 years: what is left of it says how long ago a role was seen


class WakeupMiddleware(Middleware):
    """Runs every actor inside the application's context, after it deletes the nudge's mark."""

    def __init__(self, app: Flask):
        self.app = app
        self.contexts = threading.local()

    def before_process_message(self, broker: Any, message: Any) -> None:
        with suppress(RedisError, OSError):  # the mark expires
            broker.client.delete(mark(message.actor_name, message.args[0] if message.args else ""))
        self.contexts.current = self.app.app_context()
        self.contexts.current.push()

    def after_process_message(self, broker, message, *, result=None, exception=None) -> None:  # type: ignore[no-untyped-def]
        context = self.contexts.__dict__.pop("current", None)
        if context is not None:
            context.pop()

    after_skip_message = after_process_message


class StoppingMiddleware(Middleware):
    """Tells running drains that the worker stops: they finish their calls and claim no more."""

    def __init__(self) -> None:
        self.event = threading.Event()

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        self.event.set()


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

    def __init__(self, broker: RedisBroker):
        self.broker = broker
        self.resting_until = 0.0

    def nudge(self, name: str, key: object = "") -> bool:
        """Wake the actor ``name`` for ``key``, unless a wake-up for it is already queued."""
        if time.monotonic() < self.resting_until:
            return False
        try:
            fresh = self.broker.client.set(mark(name, key), 1, nx=True, px=NUDGE_TTL_MS)
            if fresh:
                self.broker.enqueue(
                    dramatiq.Message(
                        queue_name=QUEUE, actor_name=name, args=(key,), kwargs={}, options={}
                    )
                )
            return bool(fresh)
        except (RedisError, dramatiq.BrokerError, OSError) as exc:
            # the rows are in the database, and the scheduler finds them at its next turn
            self.resting_until = time.monotonic() + REST_S
            log("broker.away", level="warning", reason=type(exc).__name__)
            return False


def init_broker(app: Flask, url: str) -> Nudger:
    """Set the process's broker.  No connection is made yet."""
    stopping = StoppingMiddleware()
    # a client of our own: given a url, the broker would ignore these timeouts
    client = Redis.from_url(
        url, socket_connect_timeout=0.5, socket_timeout=2.0, retry=Retry(NoBackoff(), 0)
    )
    broker = RedisBroker(
        client=client,
        middleware=[CurrentMessage(), Retries(max_retries=0), stopping, WakeupMiddleware(app)],
        maintenance_chance=1_000_000,
        namespace="relay",
    )
    broker.declare_queue(QUEUE)
    dramatiq.set_broker(broker)
    nudger = Nudger(broker)
    app.extensions["relay_broker"] = nudger
    app.extensions["relay_stopping"] = stopping.event
    return nudger


def nudge(name: str, key: object = "") -> bool:
    """Wake ``name`` for ``key`` through this application's broker.  Never raises."""
    nudger: Nudger = current_app.extensions["relay_broker"]
    return nudger.nudge(name, key)
