"""Stricter parsing of requests than waitress: what two servers could read differently is refused.

A request with two lengths, two hosts or a folded header can be one request for a proxy and two for
Relay ("request smuggling").  Such a request gets 400, too many headers get 431, and the connection
closes: what follows on it is never read as a request.

Sources: https://www.rfc-editor.org/rfc/rfc9112#section-3.2 (Host), #section-5.2 (folding),
#section-6.1 and #section-6.3 (length), https://www.rfc-editor.org/rfc/rfc6585#section-5 (431)
"""

from __future__ import annotations

import re
from typing import Any

from waitress.parser import HTTPRequestParser
from waitress.utilities import BadRequest, RequestHeaderFieldsTooLarge

MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 * 1024  # with the request line
TRANSFER_ENCODING = re.compile(rb"\r\ntransfer-encoding:[ \t]*([^\r]*)", re.IGNORECASE)
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:", re.IGNORECASE)
HOST_LINE = re.compile(rb"\r\nhost:[ \t]*([^\r]*)", re.IGNORECASE)
HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?[ \t]*")
FOLDED = re.compile(rb"\r\n[ \t]")
OLD_VERSION = re.compile(rb"[^\r]* HTTP/1\.0[ \t]*\r\n")

TWO_LENGTHS = "The request has both Content-Length and Transfer-Encoding."
UNKNOWN_CODING = "Transfer-Encoding can only be chunked, once, and with HTTP/1.1."
FOLDED_HEADER = "A header continues on a second line."
NO_HOST = "The request has no Host header."
MANY_HOSTS = "The request has more than one Host header."
INVALID_HOST = "The Host header is not a host name with an optional port."


class AmbiguousRequest(BadRequest):
    """Its ``body`` is a sentence of this module, which the client may read."""


class RequestParser(HTTPRequestParser):
    """Checks the headers before waitress parses them."""

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if self.error:
            self.expect_continue = False  # no "100 Continue" for a refused request
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """``header_plus`` is the request line with the headers.  An error is left in ``self.error``."""
        if header_plus.count(b"\r\n") > MAX_HEADERS + 2:  # and the request line and an empty line
            self._refuse(RequestHeaderFieldsTooLarge("too many headers"))
        elif sentence := problem(header_plus):
            self._refuse(AmbiguousRequest(sentence))
        else:
            super().parse_header(header_plus)

    def _refuse(self, error: Any) -> None:
        self.error, self.completed, self.connection_close = error, True, True


def problem(head: bytes) -> str | None:
    """Why the headers are ambiguous, or None.  ``head`` is the request line with the headers."""
    if FOLDED.search(head):
        return FOLDED_HEADER
    codings = TRANSFER_ENCODING.findall(head)
    is_old = OLD_VERSION.match(head) is not None
    if codings:
        if CONTENT_LENGTH.search(head):
            return TWO_LENGTHS
        if is_old or len(codings) > 1 or codings[0].strip(b" \t").lower() != b"chunked":
            return UNKNOWN_CODING
    hosts = HOST_LINE.findall(head)
    if len(hosts) > 1:
        return MANY_HOSTS
    if not hosts:
        return None if is_old else NO_HOST
    return None if HOST.fullmatch(hosts[0]) else INVALID_HOST
