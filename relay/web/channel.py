"""One client of the web server: refusals in the contract's form, and an end that lets them be read."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask

from relay.web.framing import FRAMING_ERRORS

WHOLE_REQUEST_S = 20.0  # from its first byte to its last; a trickle does not buy more
LINGER_S = 5.0


class ErrorResponse(ErrorTask):
    """The answer to what is no request at all, and to what the application could not answer."""

    def execute(self) -> None:
        code = self.request.error.code
        code = code if code in FRAMING_ERRORS else 400  # for example an unknown transfer coding
        row = FRAMING_ERRORS[code]
        body = json.dumps({"error": row.error, "detail": row.detail}).encode()
        self.status = f"{code} {self.request.error.reason if code != 400 else 'Bad Request'}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.channel.refused = True
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class ClientChannel(HTTPChannel):
    """Waitress's channel.  All of it but ``service`` runs in the server's main thread."""

    error_task_class = ErrorResponse
    refused = False
    lingers_until = 0.0
    partial_since = 0.0

    def readable(self) -> bool:
        return bool(self.lingers_until or super().readable())

    def writable(self) -> bool:
        """Not while a thread answers here: it sends by itself, and wakes us for what is left.

        Asked to write for it, the main thread would turn round and round without getting its lock,
        and take the interpreter from all who have something to do.
        """
        ends = self.will_close or self.close_when_flushed
        waits = self.total_outbufs_len > self.adj.outbuf_high_watermark
        if self.lingers_until or (self.requests and not ends and not waits):
            return False
        return bool(super().writable())

    def handle_read(self) -> None:
        if self.lingers_until:
            self.recv(65536)  # closes by itself when nothing more comes
        else:
            super().handle_read()

    def handle_close(self) -> None:
        """After a refusal read on for a moment: closing on unread bytes would take the answer back."""
        if self.refused and not self.lingers_until:
            self.lingers_until = time.monotonic() + LINGER_S
            self.will_close = self.close_when_flushed = False
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
            return
        super().handle_close()

    def tick(self, now: float) -> None:
        """Once in a while: end what lingers or has not brought its request in time."""
        if self.lingers_until:
            if now > self.lingers_until:
                self.handle_close()
        elif self.request is None or self.requests:
            self.partial_since = 0.0
        elif not self.partial_since:
            self.partial_since = now
        elif now - self.partial_since > WHOLE_REQUEST_S:
            self.handle_close()

    def busy(self) -> bool:
        """Whether somebody still waits for an answer here, or is about to have asked for one."""
        waits: Any = self.requests or self.total_outbufs_len or self.request is not None
        return bool(waits) and not self.lingers_until
