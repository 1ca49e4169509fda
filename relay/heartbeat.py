"""A process says that it lives: a key in the broker with a short life."""

from __future__ import annotations

import os
import socket
import threading

from flask import Flask

from relay.broker import SEEN_LONGEST_S, heartbeat_key, seen_key
from relay.lean_redis import RedisError

EVERY_S = 5.0
TTL_S = 15


class Heartbeat(threading.Thread):
    """Writes ``relay:heartbeat:<role>:<host>:<pid>`` while the process runs."""

    def __init__(self, app: Flask, role: str):
        super().__init__(name="heartbeat", daemon=True)
        self.client = app.extensions["relay_broker"].client
        self.key = heartbeat_key(role, f"{socket.gethostname()}:{os.getpid()}")
        self.seen_key = seen_key(role)
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.is_set():
            self.beat()
            self.stopped.wait(EVERY_S)

    def beat(self) -> None:
        """Write the heartbeat; an unavailable broker is ignored, because the next beat tries again."""
        try:
            self.client.set(self.key, 1, ex=TTL_S)
            self.client.set(self.seen_key, "yes", ex=SEEN_LONGEST_S)
        except (RedisError, OSError):
            return
