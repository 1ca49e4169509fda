"""Forwarding the audit log over real sockets: nothing is lost while the server is down."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from relay.models import db
from relay.services import audit_syslog
from relay.services.audit import COMMAND_LINE, record
from tests.support.network import free_port

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HEADER = re.compile(rb"<109>1 \d{4}-\d\d-\d\dT[\d:.]+Z \S+ relay - audit - (\{.*\})", re.DOTALL)


@pytest.fixture
def context(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        yield app


def forward_to(app: Flask, target: str) -> int:
    config = app.extensions["relay_config"]
    app.extensions["relay_config"] = replace(config, audit_syslog=target)
    return audit_syslog.forward()


def change(count: int) -> None:
    for number in range(count):
        record(COMMAND_LINE, "test.add", f"object {number}\nä", n=number)
    db.session.commit()


def frames(stream: bytes) -> list[bytes]:
    found = []
    while stream:
        size, _, rest = stream.partition(b" ")
        found.append(rest[: int(size)])
        stream = rest[int(size) :]
    return found


def seqs(messages: list[bytes]) -> list[int]:
    found = [HEADER.fullmatch(one) for one in messages]
    assert all(found)
    return [json.loads(one[1])["seq"] for one in found if one]


def test_tcp_gets_every_entry_once_also_those_from_before_it_was_up(context: Flask) -> None:
    port = free_port()
    change(150)
    assert forward_to(context, f"tcp://127.0.0.1:{port}") == 0
    heard = b""
    with socket.create_server(("127.0.0.1", port)) as server:

        def serve() -> None:
            nonlocal heard
            for _ in range(3):  # 100, 50 and 1
                client, _address = server.accept()
                with client:
                    while piece := client.recv(65536):
                        heard += piece

        thread = threading.Thread(target=serve)
        thread.start()
        assert forward_to(context, f"tcp://127.0.0.1:{port}") == 150
        change(1)
        assert audit_syslog.forward() == 1
        assert audit_syslog.forward() == 0
        thread.join(10)
    assert seqs(frames(heard)) == list(range(1, 152))


@pytest.mark.parametrize("kind", ["udp", "unix"])
def test_datagrams(context: Flask, tmp_path: Path, kind: str) -> None:
    path = str(tmp_path / "log")
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as server:
        server.bind(path if kind == "unix" else ("127.0.0.1", 0))
        server.settimeout(5)
        target = (
            f"unix://{path}" if kind == "unix" else f"udp://127.0.0.1:{server.getsockname()[1]}"
        )
        change(2)
        assert forward_to(context, target) == 2
        assert seqs([server.recv(65536) for _ in range(2)]) == [1, 2]


def test_without_the_setting_nothing_is_read_or_stored(context: Flask) -> None:
    change(1)
    assert audit_syslog.forward() == 0
