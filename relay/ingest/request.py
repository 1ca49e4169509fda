"""Reads a request: its declared size, its method, its body and its headers, in this order."""

from __future__ import annotations

import functools
import ipaddress
import re
from dataclasses import dataclass
from typing import Any

from relay.ingest.refusals import RefusalCode

EVENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")
CHARSET = re.compile(r"charset\s*=\s*\"?([\w-]+)", re.IGNORECASE)
# Some proxies put a port after the address.
WITH_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)(?=:))(?::[0-9]{1,5})?")
REQUIRED = (
    ("HTTP_X_WP_TIMESTAMP", "X-WP-Timestamp"),
    ("HTTP_X_EVENT_ID", "X-Event-Id"),
    ("HTTP_X_WP_SIGNATURE", "X-WP-Signature"),
)
SINGLE = (REQUIRED[0], REQUIRED[2], ("HTTP_X_WP_KEY_ID", "X-WP-Key-Id"))
USUAL_TYPES = frozenset(("application/json", "application/json; charset=utf-8", "text/plain", ""))


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request's headers.

    ``timestamp``, ``signature`` and ``traceparent`` are as received, not validated.
    """

    timestamp: str
    event_id: str
    signature: bytes
    key_id: str | None
    content_type: str
    address: str
    scheme: str = "http"
    traceparent: str = ""


@functools.lru_cache(1024)
def plain_address(text: str) -> str:
    """The canonical form of an IP address; IPv4 inside IPv6 becomes IPv4.  "" for anything else."""
    bare = text.strip().split("%", 1)[0]
    if found := WITH_PORT.fullmatch(bare):
        bare = found[1] or found[2]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)


def source_address(environ: dict[str, Any]) -> str:
    """The sender's address.  If a proxy's header has no valid address, it is the proxy's own.

    "" if there is none (a unix socket): such a request matches no list of allowed addresses.
    """
    found = plain_address(environ.get("REMOTE_ADDR") or "")
    if not found and "werkzeug.proxy_fix.orig" in environ:
        found = plain_address(environ["werkzeug.proxy_fix.orig"].get("REMOTE_ADDR") or "")
    return found


def read_request(environ: dict[str, Any], limit: int) -> tuple[RequestHead, bytes]:
    """-> headers and body.  ``limit`` is the body's maximum in bytes.

    Raises IngestRefusal (400, 405, 413, 415).
    """
    check_declared(environ, limit)
    check_method(environ["REQUEST_METHOD"])
    raw = read_body(environ, limit)
    return read_head(environ), raw


def check_declared(environ: dict[str, Any], limit: int) -> None:
    """What the headers declare about the body, before it is read.  Raises IngestRefusal (400, 413, 415)."""
    if environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() not in ("", "identity"):
        raise RefusalCode.CONTENT_ENCODING()
    declared = environ.get("CONTENT_LENGTH") or ""
    if declared and not re.match(r"[0-9]{1,18}\Z", declared):
        raise RefusalCode.INCOMPLETE_BODY()
    if declared and int(declared) > limit:
        raise RefusalCode.TOO_LARGE(limit=limit)


def check_method(method: str) -> None:
    """Raises IngestRefusal (405)."""
    if method != "POST":
        raise RefusalCode.METHOD_NOT_ALLOWED(method=method[:20])


def read_body(environ: dict[str, Any], limit: int) -> bytes:
    """Raises IngestRefusal (400, 413) if the body is incomplete, broken or larger than ``limit``."""
    declared = environ.get("CONTENT_LENGTH") or ""
    chunked = bool(environ.get("HTTP_TRANSFER_ENCODING")) or environ.get("wsgi.input_terminated")
    if not declared and not chunked:
        return b""
    wanted = int(declared) if declared else limit + 1
    pieces, size = [], 0
    try:
        while size < wanted:
            piece = environ["wsgi.input"].read(wanted - size)
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
    except Exception as exc:  # each server has its own errors for a broken connection
        raise RefusalCode.INCOMPLETE_BODY() from exc
    if size > limit:
        raise RefusalCode.TOO_LARGE(limit=limit)
    if declared and size < wanted:
        raise RefusalCode.INCOMPLETE_BODY()
    return b"".join(pieces)


def read_head(environ: dict[str, Any]) -> RequestHead:
    """Raises IngestRefusal (400) if a header is missing or repeated, or the event id is malformed."""
    missing = [name for key, name in REQUIRED if not environ.get(key, "").strip()]
    if missing:
        raise RefusalCode.MISSING_HEADERS(names=", ".join(missing))
    for key, name in SINGLE:
        if "," in environ.get(key, ""):  # WSGI servers join repeated headers with a comma
            raise RefusalCode.REPEATED_HEADERS(name=name)
    event_id = environ["HTTP_X_EVENT_ID"].strip()
    if not EVENT_ID.match(event_id):
        raise RefusalCode.INVALID_EVENT_ID()
    return RequestHead(
        timestamp=environ["HTTP_X_WP_TIMESTAMP"].strip(),
        event_id=event_id,
        signature=environ["HTTP_X_WP_SIGNATURE"].strip().encode("latin-1", "replace"),
        key_id=environ.get("HTTP_X_WP_KEY_ID", "").strip() or None,
        content_type=environ.get("CONTENT_TYPE") or "",
        address=source_address(environ),
        scheme=environ.get("wsgi.url_scheme", "http"),
        traceparent=environ.get("HTTP_TRACEPARENT", ""),
    )


def check_content_type(text: str) -> None:
    """JSON, plain text or no type is read as JSON.  Raises IngestRefusal (415)."""
    if text.lower() in USUAL_TYPES:
        return
    media_type, _, parameters = text.partition(";")
    charset = CHARSET.search(parameters)
    is_json = media_type.strip().lower() in USUAL_TYPES
    if not is_json or (charset and charset[1].lower() not in ("utf-8", "utf8")):
        raise RefusalCode.CONTENT_TYPE(content_type=text[:80])
