"""The order of wake-ups in the broker."""

from __future__ import annotations

from dramatiq import Worker
from flask import Flask

from relay.broker import QUEUE, init_broker
from relay.launcher.valkey import Valkey


def test_the_router_is_woken_before_the_drains_that_wait(valkey: Valkey) -> None:
    nudger = init_broker(Flask("test"), valkey.url)
    consumer = nudger.broker.consume(QUEUE, prefetch=10, timeout=100)
    try:
        for number in range(3):
            assert nudger.nudge("drain_destination", number)
        assert nudger.nudge("route_events", first=True)
        assert not nudger.nudge("route_events", first=True), "it is queued already"
        found = [next(consumer) for _ in range(4)]
        assert [one.actor_name for one in found] == ["route_events", *["drain_destination"] * 3]
        assert [one.args for one in found[1:]] == [(0,), (1,), (2,)]
        for one in found:
            consumer.ack(one)
        assert not nudger.broker.client.exists(f"relay:{QUEUE}.msgs"), "nothing is left behind"
    finally:
        consumer.close()
        nudger.broker.close()


def test_the_threads_of_a_worker_wait_without_waking_and_stop_at_once(valkey: Valkey) -> None:
    nudger = init_broker(Flask("test"), valkey.url)
    worker = Worker(nudger.broker, worker_timeout=600_000, worker_threads=2)
    worker.start()
    threads = list(worker.workers)
    worker.stop(timeout=10_000)
    assert not any(thread.is_alive() for thread in threads)
    nudger.broker.close()
