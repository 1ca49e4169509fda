"""What ``dramatiq relay.worker`` loads: the application, its broker, then the actors on it."""

from __future__ import annotations

import importlib

from relay import create_app
from relay.heartbeat import Heartbeat

app = create_app()
importlib.import_module("relay.actors")  # they bind to the broker that create_app has just set
heartbeat = Heartbeat(app, "worker")
heartbeat.start()
