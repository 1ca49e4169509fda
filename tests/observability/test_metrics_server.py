"""A host without a web process: one of its processes serves the counters."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from config import Config
from relay.errors import SettingsError
from relay.launcher.valkey import Valkey
from relay.observability.metrics_server import may_read
from tests.support.env import ENCRYPTION_KEY, SECRET_KEY
from tests.support.network import free_port, wait_for
from tests.support.stack import Stack

TOKEN = "a-token-for-metrics"
SECRETS = {"SECRET_KEY": SECRET_KEY, "RELAY_ENCRYPTION_KEYS": ENCRYPTION_KEY}


def get(port: int, path: str = "/metrics", **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - our own
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as exc:
        return exc.code, exc.read().decode()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_one_process_listens_and_another_takes_over(
    database_url: str, valkey: Valkey, tmp_path: Path
) -> None:
    port = free_port()
    settings = {"RELAY_METRICS_PORT": str(port), "RELAY_METRICS_TOKEN": TOKEN}
    stack = Stack(tmp_path, database_url, valkey.url, **settings)
    try:
        stack.start("scheduler", "worker")
        wait_for(lambda: answers(port), 30, "the port")
        status, text = get(port)
        assert status == 200
        assert "relay_events_accepted_total 0.0" in text
        assert "relay_build_info{version=" in text
        assert "relay_deliveries" not in text  # the web hosts have the gauges
        assert get(port, "/other")[0] == 404
        assert get(port, **{"x-forwarded-for": "203.0.113.9"})[0] == 403
        assert get(port, authorization=f"Bearer {TOKEN}")[0] == 200
        assert get(port, authorization="Bearer wrong")[0] == 403
        wait_for(lambda: stack.log("scheduler") + stack.log("worker"), 30, "a line")
        first = "scheduler" if "metrics.listening" in stack.log("scheduler") else "worker"
        stack.kill(first)
        wait_for(lambda: answers(port), 30, "the other process")
    finally:
        stack.close()


@pytest.mark.parametrize(
    ("address", "sent", "may"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("192.0.2.1", {}, False),
        ("192.0.2.1", {"Authorization": f"bearer {TOKEN}"}, True),
        ("192.0.2.1", {"Authorization": "Basic x"}, False),
        ("127.0.0.1", {"Forwarded": ""}, False),
        ("", {}, False),
    ],
)
def test_who_may_read(address: str, sent: dict[str, str], may: bool) -> None:
    assert may_read(sent.get, address, TOKEN, behind_proxy=False) is may


def test_the_port_must_not_be_that_of_the_web_process() -> None:
    env = {**SECRETS, "RELAY_METRICS_PORT": "9464"}
    assert Config.from_env(env).metrics_port == 9464
    for wrong in ("8000", "0", "x"):
        with pytest.raises(SettingsError, match="RELAY_METRICS_PORT"):
            Config.from_env({**env, "RELAY_METRICS_PORT": wrong})
