"""Reading a body that may lie about its size, stop half way or come in odd pieces."""

from __future__ import annotations

import re
from typing import Any

from relay.ingest.answers import TurnedAway


def too_large(limit: int) -> TurnedAway:
    return TurnedAway(
        413, "too_large", "too_large", f"The body was larger than {limit} bytes. Send fewer fields."
    )


def broken() -> TurnedAway:
    return TurnedAway(
        400,
        "invalid_body",
        "invalid_body",
        "The body broke off or was framed wrongly on its way.",
        detail="The body is incomplete or wrongly framed.",
    )


def check_declared(environ: dict[str, Any], limit: int) -> None:
    """What the head says about the body, before any of it is read.  Raises TurnedAway."""
    if environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() not in ("", "identity"):
        raise TurnedAway(
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
    """The whole body.  Raises TurnedAway where it is too large, short or broken."""
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
