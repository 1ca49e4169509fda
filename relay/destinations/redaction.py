"""How a call is kept and shown: with every secret masked, however it was spelled."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

from relay.transport.request import OutboundRequest

KEPT_BODY = 64 * 1024  # characters of a request that are kept
ALWAYS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})


def hidden(secret: str) -> str:
    """Dots, and the last four signs of a long one."""
    return "••••" + (secret[-4:] if len(secret) >= 12 else "")


def spellings(secret: str) -> set[str]:
    """A secret as it is, in JSON, URL-encoded, and in base64 (with and without padding)."""
    raw = secret.encode("utf-8", "replace")
    forms = {secret, quote(secret, safe=""), quote_plus(secret), secret.removeprefix("whsec_")}
    forms |= {json.dumps(secret, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
    for encoded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
        forms |= {encoded.decode(), encoded.decode().rstrip("=")}
    return {form for form in forms if len(form) >= 4}


@lru_cache(maxsize=256)
def masks(secrets: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """What to replace by what, the longest first."""
    found = {form: hidden(secret) for secret in secrets if secret for form in spellings(secret)}
    return tuple(sorted(found.items(), key=lambda one: len(one[0]), reverse=True))


def mask_text(text: str, secrets: Iterable[str]) -> str:
    """``text`` with every spelling of every secret masked."""
    for form, dots in masks(tuple(secrets)):
        if form in text:
            text = text.replace(form, dots)
    return text


def mask_url(url: str) -> str:
    """A URL with the values in its query masked: tokens often stand there."""
    address, mark, query = url.partition("?")
    parts = [part.partition("=") for part in query.split("&")]
    shown = [name + sign + hidden(value) if sign else hidden(name) for name, sign, value in parts]
    return address + mark + "&".join(shown) if query else url


def mask_request(request: OutboundRequest) -> dict[str, Any]:
    """A call as JSON: method, url, headers as pairs, body as text, whether the body was cut."""
    body = request.body.decode("utf-8", "replace").replace("\x00", "\ufffd")
    return {
        "method": request.method,
        "url": mask_text(
            request.url if request.open_query else mask_url(request.url), request.secrets
        ),
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
