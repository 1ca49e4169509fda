"""Simulate an installation of Relay from measured costs: its rates, its latencies and what saturates first.

simulate.py check            compare the model with the measurements in costs.json
simulate.py size RATE        what 100, 1,000 or 5,000 events a second need, for instance

The model (SimPy): every step takes CPU time on the cores of its host, in the order of arrival; the Python
steps of one process also wait for each other. A commit waits for the disk. Steps, batch sizes and limits are
those of Relay; costs.json has the costs per event in µs and says where each comes from.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import simpy

COSTS = Path(__file__).with_name("costs.json")
GROUP, ROUTED, CLAIMED, WRITTEN = 200, 200, 50, 25
BUSY = 0.65
Step = Iterator[Any]


@dataclass
class Setup:
    """What is simulated.  ``one_host`` puts everything, the senders too, on one host with ``cores``."""

    webs: int = 2
    workers: int = 1
    destinations: int = 1
    concurrency: int = 8
    cores: int = 2
    one_host: bool = True
    database_cores: int = 4
    sink_ms: float = 0.3
    rate: float = 0.0  # events a second at random times; 0: ``connections`` that always send
    connections: int = 32
    events: int = 4000
    deliver: bool = True
    backlog: int = 0  # deliveries that wait at the start; then nothing is sent


@dataclass
class Outcome:
    """Rates per second, latencies in ms (p50, p99), and how busy each part was (0 to 1)."""

    accepted: float = 0.0
    delivered: float = 0.0
    answer_ms: tuple[float, float] = (0.0, 0.0)
    arrival_ms: tuple[float, float] = (0.0, 0.0)
    busy: dict[str, float] = field(default_factory=dict)


class Cores:
    """The cores of a host, and how long they were used, by part."""

    def __init__(self, env: simpy.Environment, count: int):
        self.env, self.count = env, count
        self.free = simpy.Resource(env, count)
        self.used: Counter[str] = Counter()

    def run(self, part: str, us: float) -> Step:
        with self.free.request() as turn:
            yield turn
            yield self.env.timeout(us / 1e6)
        self.used[part] += us / 1e6


class Simulation:
    """One run of a setup with the costs of ``costs.json``."""

    def __init__(self, costs: dict[str, float], setup: Setup):
        self.c, self.s = costs, setup
        self.env = env = simpy.Environment()
        self.random = random.Random(7)  # noqa: S311 - repeatable arrivals
        shared = Cores(env, setup.cores) if setup.one_host else None
        self.web_cores = [shared or Cores(env, 1) for _ in range(setup.webs)]
        self.worker_cores = [shared or Cores(env, 1) for _ in range(setup.workers)]
        self.database = shared or Cores(env, setup.database_cores)
        self.senders = shared or Cores(env, 64)
        self.inboxes = [simpy.Store(env) for _ in range(setup.webs)]
        self.unwritten = [simpy.Store(env) for _ in range(setup.webs)]
        self.unrouted = simpy.Store(env)
        self.due = [simpy.Store(env) for _ in range(setup.destinations)]
        self.locks = [
            simpy.Resource(env, 1) for _ in range(setup.workers)
        ]  # the GIL of each worker
        self.begun: dict[int, float] = {}
        self.answers: list[float] = []
        self.arrivals: list[float] = []
        self.last_answer = self.last_arrival = 0.0
        self.finished = env.event()

    def run(self) -> Outcome:
        env, s = self.env, self.s
        wanted = s.backlog or s.events
        for n in range(s.backlog):
            self.begun[n] = 0.0
            self.due[n % s.destinations].put(n)
        if not s.backlog:
            for n in range(s.webs):
                env.process(self.web(n))
                env.process(self.writer(n))
            env.process(self.arrive() if s.rate else self.closed_loop())
        if s.deliver:
            env.process(self.router())
            for n in range(s.destinations):
                env.process(self.drain(n))
        self.wanted = wanted
        env.run(until=self.finished)
        hosts = {id(one): one for one in (*self.web_cores, *self.worker_cores, self.database)}
        busy: Counter[str] = Counter()
        for host in hosts.values():
            for part, seconds in host.used.items():
                busy[part] += seconds / env.now / host.count
        for name, count in (("web", s.webs), ("worker", s.workers)):
            if not s.one_host:
                busy[name] /= count
        return Outcome(
            len(self.answers) / self.last_answer if self.answers else 0.0,
            len(self.arrivals) / self.last_arrival if self.arrivals else 0.0,
            quantiles(self.answers),
            quantiles(self.arrivals),
            dict(busy),
        )

    # ---- senders ---------------------------------------------------------------------------------

    def arrive(self) -> Step:
        for n in range(self.s.events):
            yield self.env.timeout(self.random.expovariate(self.s.rate))
            self.env.process(self.send(n, n % self.s.webs))

    def closed_loop(self) -> Step:
        numbers = iter(range(self.s.events))
        for n in range(self.s.connections):
            self.env.process(self.connection(numbers, n % self.s.webs))
        yield self.env.timeout(0)

    def connection(self, numbers: Iterator[int], web: int) -> Step:
        for n in numbers:
            yield from self.send(n, web)

    def send(self, n: int, web: int) -> Step:
        self.begun[n] = self.env.now
        yield from self.senders.run("senders", self.c["sender"])
        done = self.env.event()
        yield self.inboxes[web].put((n, done))
        yield done
        self.last_answer = self.env.now
        self.answers.append(self.env.now - self.begun[n])
        if not self.s.deliver and len(self.answers) == self.wanted:
            self.finished.succeed()

    # ---- ingest ----------------------------------------------------------------------------------

    def web(self, n: int) -> Step:
        while True:
            event = yield self.inboxes[n].get()
            yield from self.web_cores[n].run("web", self.c["web"])
            yield self.unwritten[n].put(event)

    def writer(self, n: int) -> Step:
        while True:
            first = yield self.unwritten[n].get()
            group = [first, *take(self.unwritten[n], GROUP - 1)]
            size = len(group)
            yield from self.web_cores[n].run("web", self.c["commit"] + size * self.c["commit_each"])
            work = self.c["db_commit"] + size * self.c["db_commit_each"]
            yield from self.database.run("database", work)
            yield self.env.timeout(self.c["disk"] / 1e6)
            for number, done in group:
                done.succeed()
                if self.s.deliver:
                    self.unrouted.put(number)

    # ---- delivery --------------------------------------------------------------------------------

    def python(self, worker: int, us: float) -> Step:
        """A step of a worker: its Python steps wait for each other."""
        with self.locks[worker].request() as turn:
            yield turn
            yield from self.worker_cores[worker].run("worker", us)

    def router(self) -> Step:
        while True:
            first = yield self.unrouted.get()
            yield self.env.timeout(self.c["hop"] / 1e6)
            batch = [first, *take(self.unrouted, ROUTED - 1)]
            yield from self.python(0, self.c["route"] + len(batch) * self.c["route_each"])
            work = self.c["db_route"] + len(batch) * self.c["db_route_each"]
            yield from self.database.run("database", work)
            yield self.env.timeout(self.c["disk"] / 1e6)
            for number in batch:
                self.due[number % self.s.destinations].put(number)

    def drain(self, n: int) -> Step:
        worker = n % self.s.workers
        places = simpy.Resource(self.env, self.s.concurrency)
        while True:
            first = yield self.due[n].get()
            batch = [first, *take(self.due[n], CLAIMED - 1)]
            yield from self.python(worker, self.c["claim"] + len(batch) * self.c["claim_each"])
            yield from self.database.run("database", self.c["db_claim"])
            yield self.env.timeout(self.c["disk"] / 1e6)
            calls = [self.env.process(self.call(number, worker, places)) for number in batch]
            yield self.env.all_of(calls)
            yield from self.python(worker, len(batch) * self.c["record_each"])
            writes = math.ceil(len(batch) / WRITTEN)
            work = writes * self.c["db_record"] + len(batch) * self.c["db_record_each"]
            yield from self.database.run("database", work)

    def call(self, number: int, worker: int, places: simpy.Resource) -> Step:
        with places.request() as place:
            yield place
            yield from self.python(worker, self.c["call_each"])
            yield from self.senders.run("endpoint", self.c["endpoint"])
            yield self.env.timeout(self.s.sink_ms / 1e3)
        self.last_arrival = self.env.now
        self.arrivals.append(self.env.now - self.begun[number])
        if len(self.arrivals) == self.wanted:
            self.finished.succeed()


def take(store: simpy.Store, most: int) -> list[Any]:
    """What waits in a store, without waiting for more."""
    taken, store.items[:most] = store.items[:most], []
    return taken


def quantiles(values: list[float]) -> tuple[float, float]:
    ordered = sorted(values)
    if not ordered:
        return (0.0, 0.0)
    return (
        ordered[len(ordered) // 2] * 1e3,
        ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1e3,
    )


def check(costs: dict[str, float], measured: dict[str, float]) -> float:
    """Print the model beside the measurements.  -> the largest difference, as a share"""
    closed = Simulation(costs, Setup(deliver=False)).run()
    both = Simulation(costs, Setup()).run()
    backlog = Simulation(costs, Setup(backlog=4000)).run()
    slow = Simulation(costs, Setup(rate=60, events=1200)).run()
    found = {
        "accepted/s, ingest alone": closed.accepted,
        "delivered/s, end to end": both.delivered,
        "delivered/s, from a backlog": backlog.delivered,
        "arrival p50 ms at 60/s": slow.arrival_ms[0],
    }
    print("| figure | measured | model | difference |\n| --- | --- | --- | --- |")
    differences = []
    for name, value in found.items():
        differences.append(value / measured[name] - 1)
        print(f"| {name} | {measured[name]:.4g} | {value:.4g} | {differences[-1]:+.0%} |")
    return max(map(abs, differences))


def size(costs: dict[str, float], rate: float) -> None:
    """Print what a rate needs: the fewest of each part with which none is more than 65 % busy."""
    setup = Setup(
        destinations=math.ceil(rate / 150),
        one_host=False,
        database_cores=2,
        sink_ms=20,
        rate=rate,
        events=int(rate * 6),
    )
    found = Simulation(costs, setup).run()
    while max(found.busy.values()) > BUSY:
        setup = replace(
            setup,
            webs=setup.webs + (found.busy["web"] > BUSY),
            workers=setup.workers + (found.busy["worker"] > BUSY),
            database_cores=setup.database_cores + (found.busy["database"] > BUSY),
            destinations=max(setup.destinations, setup.workers + 1),
        )
        found = Simulation(costs, setup).run()
    busy = ", ".join(f"{name} {share:.0%}" for name, share in sorted(found.busy.items()))
    print(
        f"| {rate:g} | {setup.webs} | {setup.workers} | {setup.database_cores} | "
        f"{found.answer_ms[0]:.1f} / {found.answer_ms[1]:.1f} | "
        f"{found.arrival_ms[0]:.0f} / {found.arrival_ms[1]:.0f} | {busy} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("check", "size"))
    parser.add_argument("rates", nargs="*", type=float, default=[100, 1000, 5000])
    args = parser.parse_args()
    stored = json.loads(COSTS.read_text())
    costs = {name: float(row["us"]) for name, row in stored["costs"].items()}
    if args.what == "check":
        worst = check(costs, stored["measured"])
        raise SystemExit(0 if worst <= 0.2 else f"The model is off by {worst:.0%}.")
    print(
        "| events/s | web processes | workers | database cores | response p50 / p99 ms | arrival p50 / p99 "
        "ms | how busy |\n| --- | --- | --- | --- | --- | --- | --- |"
    )
    for rate in args.rates:
        size(costs, rate)


if __name__ == "__main__":
    main()
