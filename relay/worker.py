"""What ``dramatiq relay.worker`` loads: the application, its broker, then the actors on it."""

from __future__ import annotations

import gc
import importlib
import sys

from relay import __version__, create_app
from relay.application import prepare_process
from relay.errors import SettingsError
from relay.heartbeat import Heartbeat
from relay.observability.metrics_server import serve_metrics
from relay.parent import stop_without_parent
from relay.private_files import restrict_new_files, restrict_old_files
from relay.watch import Watcher

restrict_new_files()
try:
    app = create_app(pages=False)
except SettingsError as exc:
    sys.exit(str(exc))
stop_without_parent(app.extensions["relay_stopping"])
restrict_old_files(app.extensions["relay_config"].data_dir)
prepare_process(app)
importlib.import_module("relay.actors")  # they bind to the broker that create_app has just set
heartbeat = Heartbeat(app, "worker")
heartbeat.start()
watcher = Watcher(app, "worker", app.extensions["relay_stopping"])
watcher.start()
serve_metrics(app.extensions["relay_config"], __version__)
# What was loaded until here lives as long as the process: without it, a full collection takes a
# hundredth of the time.
gc.collect()
gc.freeze()
