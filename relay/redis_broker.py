"""Dramatiq's broker on Redis, which carries the wake-ups.

A command that sends none does not load it (``relay.broker``).
"""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import suppress
from queue import PriorityQueue
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.common import dq_name
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import CurrentMessage, Middleware, Retries
from flask import Flask

from relay.broker import NAMESPACE, NUDGE_TTL_MS, QUEUE, BrokerAway, mark
from relay.lean_redis import RedisError, redis

BLOCK_S = 1.0  # how long a consumer waits for a message; below the client's socket timeout
POLL_S = 0.05  # between two looks at a server that cannot block
FULL_S = 0.02  # between two looks at how many prefetched messages are left
STOPPING_S = 0.05  # between two looks of a thread at whether it is to stop, once the worker stops


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

    def wake(self, name: str, key: object, first: bool = False) -> bool:
        """Wake the actor ``name`` for ``key``, unless a wake-up for it is already queued.

        ``first``: before the wake-ups that wait.  Raises BrokerAway.
        """
        try:
            fresh = self.client.set(mark(name, key), 1, nx=True, px=NUDGE_TTL_MS)
            if fresh:
                enqueue = self.enqueue_first if first else self.enqueue
                enqueue(
                    dramatiq.Message(
                        queue_name=QUEUE, actor_name=name, args=(key,), kwargs={}, options={}
                    )
                )
            return bool(fresh)
        except (RedisError, dramatiq.BrokerError, OSError) as exc:
            raise BrokerAway(type(exc).__name__) from exc

    def enqueue_first(self, message: dramatiq.Message[Any]) -> None:
        """Enqueue ``message`` before those that wait, as Dramatiq's script does after them."""
        number = uuid.uuid4().hex
        name = f"{NAMESPACE}:{message.queue_name}"
        data = message.copy(options={"redis_message_id": number}).encode()
        with self.client.pipeline(transaction=True) as pipeline:
            pipeline.hset(f"{name}.msgs", number, data)
            pipeline.lpush(name, number)
            pipeline.execute()


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


class WorkQueue(PriorityQueue[Any]):
    """What the threads of a worker take messages from.  They wait without waking until it is closed.

    Dramatiq's threads wake once a second to see whether they are to stop.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_closed = False

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if block:
            with self.not_empty:
                self.not_empty.wait_for(lambda: self.is_closed or self._qsize())
        return super().get(block, STOPPING_S if self.is_closed else timeout)

    def close(self) -> None:
        with self.not_empty:
            self.is_closed = True
            self.not_empty.notify_all()


class StoppingMiddleware(Middleware):
    """Tells running drains that the worker stops: they finish their calls and claim no more."""

    def __init__(self, event: threading.Event) -> None:
        self.event = event
        self.queue = WorkQueue()

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        worker.work_queue = self.queue

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        self.event.set()
        self.queue.close()


def make_broker(app: Flask, client: redis.Redis, stopping: threading.Event) -> BlockingBroker:
    """Set the process's broker.  No connection is made yet.

    ``stopping`` is set when the worker of this process stops.
    """
    broker = BlockingBroker(
        client=client,
        middleware=[
            CurrentMessage(),
            Retries(max_retries=0),
            StoppingMiddleware(stopping),
            WakeupMiddleware(app),
        ],
        maintenance_chance=1_000_000,
        namespace=NAMESPACE,
    )
    broker.declare_queue(QUEUE)
    dramatiq.set_broker(broker)
    return broker
