"""The whole call ends at its deadline."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

import pytest

from relay.transport.client import Transport
from tests.transport.conftest import drip, post, raw_server


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(lambda peer: threading.Event().wait(1.2), id="no answer"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\n\r\n", b"x"), id="dripping body"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"), id="dripping header"),
        pytest.param(
            drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
            id="dripping chunks",
        ),
    ],
)
def test_the_whole_call_ends_at_its_deadline(
    transport: Transport, talk: Callable[[socket.socket], None]
) -> None:
    with raw_server(talk) as url:
        began = time.monotonic()
        reply = post(transport, url, timeout_s=0.5)
        spent = time.monotonic() - began
    assert reply.error == "timeout"
    assert spent < 1.5
