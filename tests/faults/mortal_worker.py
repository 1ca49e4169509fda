"""The worker, except that one event kills it.  ``dramatiq`` loads it instead of relay.worker."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any

from relay.destinations import KINDS
from relay.destinations.base import Message
from relay.transport.request import OutboundRequest
from relay.worker import app, heartbeat  # noqa: F401 - what the worker holds

_build = KINDS["webhook"].build


def _build_or_die(config: Mapping[str, Any], message: Message) -> OutboundRequest:
    if message.data.get("content") == "This one kills its worker.":
        os.kill(os.getpid(), signal.SIGKILL)
    return _build(config, message)


KINDS["webhook"].build = _build_or_die  # type: ignore[method-assign]
