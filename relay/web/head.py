"""Checks of a request's headers: what two servers could read differently is refused.

llhttp has parsed them strictly before: it refuses bare newlines, control characters, two lengths,
Content-Length with Transfer-Encoding, folded headers and chunks with an invalid size.  A request with
two hosts, or of an unknown version, can still be one request for a proxy and another one for Relay
("request smuggling").  Such a request gets 400, too many headers get 431, and the connection closes:
what follows on it is never read as a request.

Sources: https://www.rfc-editor.org/rfc/rfc9112#section-3.2 (Host), #section-5.2 (folding),
#section-6.1 and #section-6.3 (length), https://www.rfc-editor.org/rfc/rfc6585#section-5 (431)
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 * 1024  # with the request line
ABSOLUTE = re.compile(rb"https?://([^/?#]+)([/?].*)?", re.DOTALL)
HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?[ \t]*")
VERSIONS = ("1.1", "1.0")
Headers = list[tuple[bytes, bytes]]  # names in lower case

TWO_LENGTHS = "The request has both Content-Length and Transfer-Encoding."
UNKNOWN_CODING = "Transfer-Encoding can only be chunked, once, and with HTTP/1.1."
FOLDED_HEADER = "A header continues on a second line."
NO_HOST = "The request has no Host header."
MANY_HOSTS = "The request has more than one Host header."
INVALID_HOST = "The Host header is not a host name with an optional port."
OTHER_HOST = "The request line and the Host header name two hosts."
INVALID_LINE = "The request line is not a method, a target and HTTP/1.1 or HTTP/1.0."
NOT_HTTP = "The request is not valid HTTP."
INCOMPLETE = "The connection ended before the request was complete."

# What llhttp says, in the words of this module.
PARSER_SENTENCES = (
    (re.compile(r"present with"), TWO_LENGTHS),
    (re.compile(r"Transfer-Encoding"), UNKNOWN_CODING),
    (re.compile(r"whitespace after header value|space after start line"), FOLDED_HEADER),
)


def parser_sentence(error: Exception) -> str:
    """Why the parser refused a request."""
    text = str(error)
    return next((mine for pattern, mine in PARSER_SENTENCES if pattern.search(text)), NOT_HTTP)


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


def target_of(url: bytes, headers: Headers) -> tuple[bytes, str | None]:
    """The path and query of a request's target.  -> them, and why they are ambiguous, if so"""
    if url.startswith(b"/"):
        return url, INVALID_LINE if b"#" in url else None
    absolute = ABSOLUTE.fullmatch(url)
    if absolute is None:
        return url, None if url == b"*" else INVALID_LINE
    rest = absolute[2] or b"/"
    host = next((value for name, value in headers if name == b"host"), absolute[1])
    if absolute[1].lower() != host.strip(b" \t").lower():
        return rest, OTHER_HOST
    return rest if rest.startswith(b"/") else b"/" + rest, INVALID_LINE if b"#" in rest else None


def problem(version: str, headers: Headers) -> str | None:
    """Why a request's headers are ambiguous, or None.  ``version`` is such as ``1.1``."""
    if version not in VERSIONS:
        return INVALID_LINE
    hosts = codings = 0
    for name, value in headers:
        if name == b"host":
            hosts += 1
            if not is_host(value):
                return INVALID_HOST if hosts == 1 else MANY_HOSTS
        elif name == b"transfer-encoding":
            codings += 1
            if version == "1.0" or codings > 1 or value.strip(b" \t").lower() != b"chunked":
                return UNKNOWN_CODING
    if hosts > 1:
        return MANY_HOSTS
    return NO_HOST if not hosts and version == "1.1" else None
