"""Each process restarts in turn behind nginx while a site sends 50 events a second."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from relay.launcher.valkey import Valkey
from tests.faults.conftest import add
from tests.faults.figures import FULL, Figures, size
from tests.faults.load import arrivals, extras
from tests.faults.traffic import SETTINGS, Traffic, behind_nginx, listens
from tests.support.network import wait_for
from tests.support.sink import Sink
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(300)


def activate_by_socket(stack: Stack, sockets: list[socket.socket]) -> None:
    """Web gets the listening sockets of the service manager: see deploy/systemd/relay-web.socket."""
    web, numbers = stack.processes["web"], tuple(one.fileno() for one in sockets)
    moves = " ".join(f"{3 + n}<&{number}" for n, number in enumerate(numbers))
    line = f"exec {moves}; LISTEN_FDS={len(numbers)} LISTEN_PID=$$ exec {web.command}"
    web.command, web.keep = f"bash -c {shlex.quote(line)}", numbers


@pytest.fixture
def hosts(
    request: pytest.FixtureRequest, postgres_url: str, valkey: Valkey, tmp_path: Path
) -> Iterator[list[Stack]]:
    """One host with socket activation, or two without, as the test says.  The first has all processes."""
    made = [
        Stack(tmp_path / f"host-{n}", postgres_url, valkey.url, **SETTINGS)
        for n in range(request.param)
    ]
    with ExitStack() as stack:
        for host in made:
            stack.callback(host.close)
        if len(made) == 1:
            sockets = [
                stack.enter_context(
                    socket.create_server(("127.0.0.1", made[0].port), reuse_port=True, backlog=1024)
                )
                for _ in range(2)
            ]
            activate_by_socket(made[0], sockets)
        else:
            for host in made:
                host.processes["web"].env = {**host.env, "WEB_CONCURRENCY": "1"}
            made[1].start("web")
        made[0].start()
        yield made


@pytest.fixture
def proxied(hosts: list[Stack], tmp_path: Path) -> Iterator[Stack]:
    with behind_nginx(hosts, tmp_path) as first:
        yield first


# A restart with the sockets of the service manager is tested without a proxy too: tests/web/test_server.py.
@pytest.mark.parametrize("hosts", [1, 2] if FULL else [2], indirect=True)
def test_a_restart_of_each_process_behind_nginx_fails_loses_and_repeats_nothing(
    hosts: list[Stack], proxied: Stack, sink: Sink, figures: Figures
) -> None:
    secret = proxied.make_source().secret
    add(proxied, sink, "Sink", "/in")
    between = size(25, 400)
    traffic = Traffic(proxied, secret)
    try:
        for host in hosts:
            traffic.more(between)
            web = host.processes["web"].process
            assert web is not None
            host.stop("web")
            assert web.returncode == 0, host.log("web")[-2000:]
            host.processes["web"].start()
            if len(hosts) > 1:  # the next one restarts when this one serves again
                wait_for(lambda host=host: listens(host), 30, "web")
        for name in ("scheduler", "worker"):
            traffic.more(between)
            proxied.stop(name)
            proxied.start(name)
        traffic.more(between)
    finally:
        sent = traffic.finish()
    assert traffic.answers == {"202": sent}
    wait_for(lambda: len(arrivals(sink)) == sent, 60, "all deliveries")
    assert (set(arrivals(sink)), extras(arrivals(sink))) == (traffic.accepted, 0)
    figures.note("U2", f"{sent} events, {len(hosts)} host(s): 0, 0 and 0")
