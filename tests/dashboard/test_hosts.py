"""With RELAY_PUBLIC_URL, the dashboard answers for its host only; events arrive under any name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask

from relay.dashboard.hosts import is_own
from tests.support.events import comment

PUBLIC = "https://relay.example.com"


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("relay.example.com", True),
        ("RELAY.example.com:443", True),
        ("relay.example.com:8000", True),
        ("127.0.0.1:8000", True),
        ("localhost", True),
        ("[::1]:8000", True),
        ("evil.example", False),
        ("relay.example.com.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("127.0.0.2", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_which_hosts_are_our_own(host: str, own: bool) -> None:
    assert is_own(host, PUBLIC) is own


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_pages_are_refused_for_another_host_and_events_are_not(app: Flask) -> None:
    client, other = app.test_client(), "https://evil.example"
    assert client.get("/sign-in", base_url=other).status_code == 200
    config = app.extensions["relay_config"]
    app.extensions["relay_config"] = replace(config, public_url=PUBLIC)
    for path in ("/sign-in", "/", "/events"):
        answer = client.get(path, base_url=other)
        assert answer.status_code == 421 and PUBLIC in answer.text
    assert client.post("/sign-in", base_url=other).status_code in (403, 421)
    assert client.get("/sign-in", base_url=PUBLIC).status_code == 200
    assert client.get("/sign-in", base_url="http://127.0.0.1:8000").status_code == 200
    assert client.get("/healthz", base_url=other).status_code == 200
    answer = client.post("/webhooks/wp", json=comment(), base_url=other)
    assert answer.json["error"] == "missing_headers"
    app.extensions["relay_ingest"].close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_forwarded_host_does_not_count_without_a_trusted_proxy(app: Flask) -> None:
    config = app.extensions["relay_config"]
    app.extensions["relay_config"] = replace(config, public_url=PUBLIC)
    forged = {"X-Forwarded-Host": "relay.example.com"}
    answer = app.test_client().get("/sign-in", base_url="https://evil.example", headers=forged)
    assert answer.status_code == 421
