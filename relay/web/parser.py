"""Stricter parsing of requests than waitress: what two servers could read differently is refused.

A request with two lengths, two hosts or a folded header can be one request for a proxy and two for
Relay ("request smuggling").  Such a request gets 400, too many headers get 431, and the connection
closes: what follows on it is never read as a request.

Sources: https://www.rfc-editor.org/rfc/rfc9112#section-3.2 (Host), #section-5.2 (folding),
#section-6.1 and #section-6.3 (length), https://www.rfc-editor.org/rfc/rfc6585#section-5 (431)
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from waitress.parser import HTTPRequestParser
from waitress.utilities import BadRequest, RequestHeaderFieldsTooLarge

MAX_HEADERS = 100
TOKEN_BYTES = frozenset(
    b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
REQUEST_LINE = re.compile(
    rb"[!#$%&'*+.^_`|~0-9A-Z-]+ (?:/[!-~]*|\*|https?://([^/?#\x00-\x20\x7f-\xff]+)(?:[/?][!-~]*)?) "
    rb"HTTP/1\.([01])\r\n"
)
MAX_HEADER_BYTES = 32 * 1024  # with the request line
TRANSFER_ENCODING = re.compile(rb"\r\ntransfer-encoding:[ \t]*([^\r]*)", re.IGNORECASE)
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:", re.IGNORECASE)
HOST_LINE = re.compile(rb"\r\nhost:[ \t]*([^\r]*)", re.IGNORECASE)
HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?[ \t]*")
FOLDED = re.compile(rb"\r\n[ \t]")
WITH_BODY = (b"POST", b"PUT", b"PATCH")

TWO_LENGTHS = "The request has both Content-Length and Transfer-Encoding."
UNKNOWN_CODING = "Transfer-Encoding can only be chunked, once, and with HTTP/1.1."
FOLDED_HEADER = "A header continues on a second line."
NO_HOST = "The request has no Host header."
MANY_HOSTS = "The request has more than one Host header."
INVALID_HOST = "The Host header is not a host name with an optional port."
OTHER_HOST = "The request line and the Host header name two hosts."
NOT_HTTP = "The request does not begin with an HTTP request line."
INVALID_LINE = "The request line is not a method, a target and HTTP/1.1 or HTTP/1.0."
BARE_NEWLINE = "A line of the headers does not end with CR LF, or has a NUL."
INVALID_VALUE = "A header has a value that cannot be read."
INCOMPLETE = "The connection ended before the request was complete."


class AmbiguousRequest(BadRequest):
    """Its ``body`` is a sentence of this module, which the client may read."""


class RequestTimeout(BadRequest):
    code, reason = 408, "Request Timeout"


class RequestParser(HTTPRequestParser):
    """Checks the headers before waitress parses them."""

    def received(self, data: bytes) -> int:
        if self.body_rcv is None and not self.completed:
            head = self.header_plus + data
            end = head.find(b"\r\n\r\n")
            if sentence := malformed(head if end < 0 else head[: end + 2]):
                self.refuse(AmbiguousRequest(sentence))
                return len(data)
        try:
            consumed: int = super().received(data)
        except ValueError:  # a number with thousands of digits
            self.refuse(AmbiguousRequest(INVALID_VALUE))
            return len(data)
        if self.error:
            self.expect_continue = False  # no "100 Continue" for a refused request
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """``header_plus`` is the request line with the headers.  An error is left in ``self.error``."""
        if header_plus.count(b"\r\n") > MAX_HEADERS + 2:  # and the request line and an empty line
            self.refuse(RequestHeaderFieldsTooLarge("too many headers"))
        elif sentence := problem(header_plus):
            self.refuse(AmbiguousRequest(sentence))
        else:
            super().parse_header(header_plus)
            if header_plus.startswith(WITH_BODY) and not (
                self.chunked or "CONTENT_LENGTH" in self.headers
            ):
                # What follows may be a body without a length, so it is never read as a request.
                self.headers["CONNECTION"] = "close"

    def refuse(self, error: Any) -> None:
        """Complete the request with an error, which is sent to the client."""
        self.error, self.completed, self.connection_close = error, True, True
        self.expect_continue = False


@lru_cache(maxsize=256)
def is_host(value: bytes) -> bool:
    """Whether it is a name that can be resolved, with an optional port: no empty and no long label."""
    if not HOST.fullmatch(value):
        return False
    name = value.strip(b" \t").decode("ascii")
    if name.startswith("["):
        return True
    try:
        name.partition(":")[0].encode("idna").decode("idna")
    except UnicodeError:
        return False
    return True


def malformed(head: bytes) -> str | None:
    """Why the first bytes of a request cannot become a valid one, or None."""
    lines = head.count(b"\n")
    if lines != head.count(b"\r\n") or lines != head.count(b"\r") - head.endswith(b"\r"):
        return BARE_NEWLINE
    start = head.lstrip(b"\r\n")
    if start and start[0] not in TOKEN_BYTES:
        return NOT_HTTP
    return BARE_NEWLINE if b"\0" in head else None


def problem(head: bytes) -> str | None:
    """Why the headers are ambiguous, or None.  ``head`` is the request line with the headers."""
    if FOLDED.search(head):
        return FOLDED_HEADER
    line = REQUEST_LINE.match(head)
    if line is None or b"#" in line[0]:
        return INVALID_LINE
    codings = TRANSFER_ENCODING.findall(head)
    is_old = line[2] == b"0"
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
    if not is_host(hosts[0]):
        return INVALID_HOST
    if line[1] and line[1].lower() != hosts[0].strip(b" \t").lower():
        return OTHER_HOST
    return None
