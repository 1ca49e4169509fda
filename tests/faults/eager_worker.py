"""The worker, except that a short backlog and any speed make it call for another process."""

from __future__ import annotations

from relay.delivery import drain
from relay.worker import app, heartbeat  # noqa: F401 - what the worker holds

drain.MAX_CLAIMS = drain.MOST_CLAIMS = 20
drain.FAST_S = 60.0
