"""How a call is kept and shown: with every secret masked, however it was spelled."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

from relay.destinations.base import OutboundRequest

KEPT_BODY = 64 * 1024  # characters of a request that are kept
ALWAYS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})


def hidden(secret: str) -> str:
    """Dots, and the last four signs of a long one."""
    return "••••" + (secret[-4:] if len(secret) >= 12 else "")


def spellings(secret: str) -> set[str]:
    """A secret as it is, URL-encoded, and in base64 (plain and URL-safe, with and without padding)."""
    raw = secret.encode()
    forms = {secret, quote(secret, safe=""), quote_plus(secret), secret.removeprefix("whsec_")}
    for encoded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
        forms |= {encoded.decode(), encoded.decode().rstrip("=")}
    return {form for form in forms if len(form) >= 4}


def mask_text(text: str, secrets: Iterable[str]) -> str:
    """``text`` with every spelling of every secret masked, the longest first."""
    for secret in sorted({s for s in secrets if s}, key=len, reverse=True):
        for form in sorted(spellings(secret), key=len, reverse=True):
            if form in text:
                text = text.replace(form, hidden(secret))
    return text


def mask_request(request: OutboundRequest) -> dict[str, Any]:
    """A call as JSON: method, url, headers as pairs, body as text, whether the body was cut."""
    body = request.body.decode("utf-8", "replace").replace("\x00", "\ufffd")
    return {
        "method": request.method,
        "url": mask_text(request.url, request.secrets),
        "headers": [
            [name, _header(name, value, request.secrets)] for name, value in request.headers
        ],
        "body": mask_text(body, request.secrets)[:KEPT_BODY],
        "cut": len(body) > KEPT_BODY,
    }


def _header(name: str, value: str, secrets: tuple[str, ...]) -> str:
    if name.lower() in ALWAYS:
        scheme, _, rest = value.partition(" ")
        return f"{scheme} ••••" if rest else "••••"
    return mask_text(value, secrets)
