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
import redis
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.common import dq_name
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import CurrentMessage, Middleware, Retries
from flask import Flask, current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from relay.observability.logging import log

QUEUE, NAMESPACE = "relay", "relay"
BLOCK_S = 1.0  # how long a consumer waits for a message; below the client's socket timeout
POLL_S = 0.05  # between two looks at a server that cannot block
FULL_S = 0.02  # between two looks at how many prefetched messages are left
NUDGE_TTL_MS = 5_000
REST_S = 2.0  # seconds without another try after the broker failed
SEEN_LONGEST_S = 10**9  # 31 years: what is left of it says how long ago a role was seen


class BlockingConsumer(_RedisConsumer):
    """Waits in Redis for the next message, where Dramatiq's consumer polls and sleeps in between."""

    def __init__(self, broker: RedisBroker, queue_name: str, prefetch: int, timeout: int):
        super().__init__(broker, queue_name, prefetch, timeout=0)  # the base class never sleeps
        self.list_name = f"{NAMESPACE}:{queue_name}"
        self.is_for_delays = queue_name == dq_name(queue_name)

    def __next__(self) -> Any:
        if not self.message_cache and not self.wait():
            return None
        try:
            return super().__next__()
        except redis.TimeoutError as exc:
            raise ConnectionClosed(exc) from None

    def wait(self) -> bool:
        """Wait until the queue has a message, for BLOCK_S at most.  -> whether to look at the queue"""
        if self.is_for_delays:  # Relay delays no message: due times are in the database
            time.sleep(BLOCK_S)
            return False
        if self.outstanding_message_count >= self.prefetch:
            time.sleep(FULL_S)
            return False
        try:
            # Moved to where it was: so it waits for a message and takes none.
            self.broker.client.blmove(self.list_name, self.list_name, BLOCK_S, "LEFT", "LEFT")
        except redis.ResponseError:  # BLMOVE needs Redis 6.2
            time.sleep(POLL_S)
        except (redis.ConnectionError, redis.TimeoutError) as exc:
            raise ConnectionClosed(exc) from None
        return True  # also after BLOCK_S: to look is the heartbeat of this consumer


class BlockingBroker(RedisBroker):
    """Dramatiq's broker for Redis, with consumers that wait without polling."""

    @property
    def consumer_class(self) -> type[BlockingConsumer]:
        return BlockingConsumer


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
    broker = BlockingBroker(
        client=client,
        middleware=[CurrentMessage(), Retries(max_retries=0), stopping, WakeupMiddleware(app)],
        maintenance_chance=1_000_000,
        namespace=NAMESPACE,
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
