"""A request's headers and body: what the headers declare, and a body whose framing may be wrong."""

from __future__ import annotations

import functools
import ipaddress
import re
from dataclasses import dataclass
from typing import Any

from relay.ingest.responses import IngestRefusal

EVENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")
CHARSET = re.compile(r"charset\s*=\s*\"?([\w-]+)", re.IGNORECASE)
WITH_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)(?=:))(?::[0-9]{1,5})?")  # some proxies
NEEDED = (
    ("HTTP_X_WP_TIMESTAMP", "X-WP-Timestamp"),
    ("HTTP_X_EVENT_ID", "X-Event-Id"),
    ("HTTP_X_WP_SIGNATURE", "X-WP-Signature"),
)
ONCE = (NEEDED[0], NEEDED[2], ("HTTP_X_WP_KEY_ID", "X-WP-Key-Id"))
USUAL_TYPES = frozenset(("application/json", "application/json; charset=utf-8", "text/plain", ""))


@dataclass(frozen=True, slots=True)
class RequestHead:
    """``timestamp`` and ``signature`` as they came: nothing is known of their shape yet."""

    timestamp: str
    event_id: str
    signature: bytes
    key_id: str | None
    content_type: str
    address: str


@functools.lru_cache(1024)
def plain_address(text: str) -> str:
    """An address in its one spelling, IPv4 inside IPv6 unwrapped; "" for anything else."""
    bare = text.strip().split("%", 1)[0]
    if found := WITH_PORT.fullmatch(bare):
        bare = found[1] or found[2]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)


def source_address(environ: dict[str, Any]) -> str:
    """The sender's address; nonsense from a proxy's header is not believed but the peer named.

    "" where nothing is known (a unix socket): such a request is on no list.
    """
    found = plain_address(environ.get("REMOTE_ADDR") or "")
    if not found and "werkzeug.proxy_fix.orig" in environ:
        found = plain_address(environ["werkzeug.proxy_fix.orig"].get("REMOTE_ADDR") or "")
    return found


def read_head(environ: dict[str, Any]) -> RequestHead:
    """Raises IngestRefusal (400) where a header is missing, came twice, or the event id is malformed."""
    missing = [name for key, name in NEEDED if not environ.get(key, "").strip()]
    if missing:
        names = ", ".join(missing)
        raise IngestRefusal(
            400,
            "missing_headers",
            "missing_headers",
            f"The request lacked {names}. Something else than Relay's plugin may have sent it.",
            detail=f"Missing: {names}.",
        )
    for key, name in ONCE:
        if "," in environ.get(key, ""):  # how WSGI servers join a header that came twice
            raise IngestRefusal(
                400,
                "repeated_headers",
                "repeated_headers",
                f"The {name} header was sent more than once.",
                detail=f"{name} must be sent once.",
            )
    event_id = environ["HTTP_X_EVENT_ID"].strip()
    if not EVENT_ID.match(event_id):
        raise IngestRefusal(
            400,
            "invalid_event_id",
            "invalid_event_id",
            "The X-Event-Id header was sent twice or holds signs that are not allowed.",
            detail="X-Event-Id must be sent once: 1 to 128 of A-Z a-z 0-9 . _ : -",
        )
    return RequestHead(
        timestamp=environ["HTTP_X_WP_TIMESTAMP"].strip(),
        event_id=event_id,
        signature=environ["HTTP_X_WP_SIGNATURE"].strip().encode("latin-1", "replace"),
        key_id=environ.get("HTTP_X_WP_KEY_ID", "").strip() or None,
        content_type=environ.get("CONTENT_TYPE") or "",
        address=source_address(environ),
    )


def check_content_type(text: str) -> None:
    """JSON, plain text or nothing is read as JSON.  Raises IngestRefusal (415)."""
    if text.lower() in USUAL_TYPES:
        return
    kind, _, parameters = text.partition(";")
    charset = CHARSET.search(parameters)
    fine = kind.strip().lower() in USUAL_TYPES
    if not fine or (charset and charset[1].lower() not in ("utf-8", "utf8")):
        raise IngestRefusal(
            415,
            "unsupported_media_type",
            "content_type",
            f"The body was declared as {text[:80]!a}; Relay reads JSON in UTF-8.",
        )


def too_large(limit: int) -> IngestRefusal:
    return IngestRefusal(
        413, "too_large", "too_large", f"The body was larger than {limit} bytes. Send fewer fields."
    )


def broken() -> IngestRefusal:
    return IngestRefusal(
        400,
        "invalid_body",
        "invalid_body",
        "The body broke off or was framed wrongly on its way.",
        detail="The body is incomplete or wrongly framed.",
    )


def check_declared(environ: dict[str, Any], limit: int) -> None:
    """What the head says about the body, before any of it is read.  Raises IngestRefusal."""
    if environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() not in ("", "identity"):
        raise IngestRefusal(
            415,
            "unsupported_encoding",
            "content_encoding",
            "The body was compressed. Send it plain.",
        )
    declared = environ.get("CONTENT_LENGTH") or ""
    if declared and not re.match(r"[0-9]{1,18}\Z", declared):
        raise broken()
    if declared and int(declared) > limit:
        raise too_large(limit)


def read_body(environ: dict[str, Any], limit: int) -> bytes:
    """The whole body.  Raises IngestRefusal where it is too large, short or broken."""
    declared = environ.get("CONTENT_LENGTH") or ""
    chunked = bool(environ.get("HTTP_TRANSFER_ENCODING")) or environ.get("wsgi.input_terminated")
    if not declared and not chunked:
        return b""
    wanted = int(declared) if declared else limit + 1
    pieces, got = [], 0
    try:
        while got < wanted:
            piece = environ["wsgi.input"].read(wanted - got)
            if not piece:
                break
            pieces.append(piece)
            got += len(piece)
    except Exception as exc:  # each server has its own errors for a client that misbehaves
        raise broken() from exc
    if got > limit:
        raise too_large(limit)
    if declared and got < wanted:
        raise broken()
    return b"".join(pieces)
