"""The web server: ``python -m relay.server``.

Waitress reads a whole request before it gives it to a thread, so clients that send slowly or not at
all hold no thread up; it refuses broken framing by itself.  Run several behind a proxy, each with a
PORT of its own, to use more cores.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import create_server
from waitress.utilities import BadRequest, ServerNotImplemented

from config import Config
from relay import create_app
from relay.errors import SettingsError
from relay.extensions import db

THREADS = 48  # each may wait for a group's commit
OVERHEAD = 1024  # a body at the limit still gets our own 413


class Parser(HTTPRequestParser):
    """A transfer encoding that nobody knows is the client's fault, so 400 instead of 501."""

    error: Any

    def received(self, data: bytes) -> int:
        taken: int = super().received(data)
        if isinstance(self.error, ServerNotImplemented):
            self.error = BadRequest(self.error.body)
        return taken


def stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def main() -> None:
    try:
        config = Config.from_env()
    except SettingsError as exc:
        sys.exit(str(exc))
    HTTPChannel.parser_class = Parser
    app = create_app(config)
    with app.app_context():
        db.engine.dispose()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stop)
    try:
        server = create_server(
            app,
            host=os.environ.get("HOST", "127.0.0.1"),
            port=config.port,
            threads=THREADS,
            connection_limit=2000,
            backlog=1024,
            channel_timeout=30,
            cleanup_interval=10,
            asyncore_use_poll=True,
            max_request_body_size=config.max_body_bytes + OVERHEAD,
            ident=None,
            clear_untrusted_proxy_headers=False,
        )
    except OSError as exc:
        sys.exit(f"Port {config.port} cannot be used ({exc.strerror}). Set PORT to another one.")
    try:
        server.run()
    finally:
        server.close()
        app.extensions["relay_ingest"].close()


if __name__ == "__main__":
    main()
