"""The responses of the web server itself, before the application sees a request.

They hold for every path, so they are not in the ingest endpoint's table of refusals.  This table is
outside of ``channel``, so that the OpenAPI document and the docs can read it without the server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class FramingError(NamedTuple):
    """``error`` and ``detail`` are sent to the client; ``when`` explains the row in the docs."""

    error: str
    detail: str
    when: str


FRAMING_ERRORS: Mapping[int, FramingError] = MappingProxyType(
    {
        400: FramingError(
            "invalid_request",
            "The request is not valid HTTP.",
            "The request is not valid HTTP, or ambiguous: Content-Length with Transfer-Encoding, a missing "
            "or second Host, a header folded over two lines. The connection closes.",
        ),
        408: FramingError(
            "timeout",
            "The request did not arrive in time.",
            "The headers took longer than 10 seconds, or the whole request longer than 20 seconds. The "
            "connection closes.",
        ),
        413: FramingError(
            "too_large",
            "The body is too large.",
            "The body is more than four times as large as `RELAY_MAX_BODY_BYTES`.",
        ),
        431: FramingError(
            "headers_too_large",
            "The headers are too large.",
            "The request has more than 100 headers, or more than 32 KiB of them. The connection closes.",
        ),
        500: FramingError(
            "internal", "This is on Relay's side.", "Relay failed. Send the request again."
        ),
    }
)


def error_body(status: int, detail: str = "") -> bytes:
    """The JSON of a response; ``detail`` instead of the sentence of the table."""
    row = FRAMING_ERRORS[status]
    return json.dumps({"error": row.error, "detail": detail or row.detail}).encode()
