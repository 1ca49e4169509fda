"""The connection of one client of the web server.

Errors below the application are JSON as in the API.  After an error the connection closes so that
the client can still read it.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask

from relay.web.framing import FRAMING_ERRORS
from relay.web.parser import INCOMPLETE, AmbiguousRequest, RequestParser, RequestTimeout

HEAD_S = (
    10.0  # from the connection, or the first byte of a later request, to the end of its headers
)
WHOLE_REQUEST_S = 20.0  # from the first byte of a request to its last; a slow client gets no more
LINGER_S = 5.0


class ErrorResponse(ErrorTask):
    """The response to an invalid request, and to a request in which the application crashed."""

    def execute(self) -> None:
        error = self.request.error
        code = error.code if error.code in FRAMING_ERRORS else 400  # an unknown transfer coding
        row = FRAMING_ERRORS[code]
        detail = error.body if isinstance(error, AmbiguousRequest) else row.detail
        body = json.dumps({"error": row.error, "detail": detail}).encode()
        self.status = f"{code} {error.reason if code != 400 else 'Bad Request'}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.channel.refused = True
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class ClientChannel(HTTPChannel):
    """Waitress's channel.  Everything except ``service`` runs in the server's main thread."""

    parser_class = RequestParser
    request: RequestParser | None
    error_task_class = ErrorResponse
    refused = False
    lingers_until = 0.0
    partial_since = 0.0
    has_answered = False  # whether a request on this connection was answered
    group = ""  # the address or network that the server counts this connection with

    def readable(self) -> bool:
        return bool(self.lingers_until or super().readable())

    def writable(self) -> bool:
        """Not while a thread responds: it sends by itself and wakes the main thread for the rest.

        Otherwise the main thread would busy-loop on the channel's lock and slow down all threads.
        """
        ends = self.will_close or self.close_when_flushed
        waits = self.total_outbufs_len > self.adj.outbuf_high_watermark
        if self.lingers_until or (self.requests and not ends and not waits):
            return False
        return bool(super().writable())

    def handle_read(self) -> None:
        if self.lingers_until:
            self.recv(65536)  # closes the channel at the end of the stream
        elif self._may_explain() and self._has_ended():
            self._give_up(AmbiguousRequest(INCOMPLETE))
        else:
            super().handle_read()

    def service(self) -> None:
        self.has_answered = True
        super().service()

    def _may_explain(self) -> bool:
        """Whether an incomplete request gets an answer: only the first one on a connection.

        What follows another request may be the rest of a body that was longer than declared.
        """
        return self.request is not None and not self.requests and not self.has_answered

    def _has_ended(self) -> bool:
        """Whether the client sends nothing more."""
        try:
            return not self.socket.recv(1, socket.MSG_PEEK)
        except OSError:
            return False

    def _give_up(self, error: Any) -> None:
        """Answer the incomplete request with ``error``."""
        with self.requests_lock:
            request, self.request = self.request, None
            if request is not None:
                request.refuse(error)
                self.requests.append(request)
                self.server.add_task(self)

    def handle_close(self) -> None:
        """After an error, read on for a moment.

        Closing a socket with unread bytes resets the connection, and the client could not read the
        response.
        """
        if self.refused and not self.lingers_until:
            self.lingers_until = time.monotonic() + LINGER_S
            self.will_close = self.close_when_flushed = False
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
            return
        super().handle_close()

    def tick(self, now: float) -> None:
        """Called about once a second.  Close a channel that lingers or sends its request too slowly."""
        if self.lingers_until:
            if now > self.lingers_until:
                self.handle_close()
        elif self.requests or (self.request is None and self.has_answered):
            self.partial_since = 0.0
        elif not self.partial_since:
            self.partial_since = now
        elif now - self.partial_since > self._time_limit_s():
            self._end_slow_request()

    def _time_limit_s(self) -> float:
        is_body = self.request is not None and self.request.headers_finished
        return WHOLE_REQUEST_S if is_body else HEAD_S

    def _end_slow_request(self) -> None:
        if self._may_explain():
            self._give_up(RequestTimeout(""))
        else:
            self.handle_close()

    def end_soon(self) -> None:
        """Close this channel for a newer connection, in the next round of the main thread.

        Not now: its descriptor could be given to a connection that is accepted in this round, which
        would then receive the events of this one.
        """
        if self.lingers_until:
            self.lingers_until = 0.1  # in the past
        else:
            self.will_close = True

    def del_channel(self, map: Any = None) -> None:
        super().del_channel(map)
        self.server.forget(self)

    def busy(self) -> bool:
        """Whether a request is in progress or partly received."""
        waits: Any = self.requests or self.total_outbufs_len or self.request is not None
        return bool(waits) and not self.lingers_until
