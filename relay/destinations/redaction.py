"""Masks secrets in the requests and replies that Relay stores and shows."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

from relay.transport.request import OutboundRequest

MASK = "••••"
MAX_BODY = 64 * 1024  # characters of a request's body that are stored
SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"}
)


def mask(secret: str) -> str:
    """Dots instead of a secret; the last four characters of a long one stay."""
    return MASK + (secret[-4:] if len(secret) >= 12 else "")


def encoded_forms(secret: str) -> set[str]:
    """A secret in plain text, in JSON, URL-encoded and in base64 (with and without padding)."""
    raw = secret.encode("utf-8", "replace")
    forms = {secret, quote(secret, safe=""), quote_plus(secret), secret.removeprefix("whsec_")}
    forms |= {json.dumps(secret, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
    for encoded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
        forms |= {encoded.decode(), encoded.decode().rstrip("=")}
    return {form for form in forms if len(form) >= 4}


@lru_cache(maxsize=256)
def replacements(secrets: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The strings to replace with their masks, longest first."""
    found = {form: mask(secret) for secret in secrets if secret for form in encoded_forms(secret)}
    return tuple(sorted(found.items(), key=lambda pair: len(pair[0]), reverse=True))


def mask_text(text: str, secrets: Iterable[str]) -> str:
    """``text`` with every encoded form of every secret masked."""
    for form, dots in replacements(tuple(secrets)):
        if form in text:
            text = text.replace(form, dots)
    return text


def mask_url(url: str) -> str:
    """A URL with all values of its query masked, because they are often tokens."""
    address, question_mark, query = url.partition("?")
    parts = [part.partition("=") for part in query.split("&")]
    shown = [name + equals + mask(value) if equals else mask(name) for name, equals, value in parts]
    return address + question_mark + "&".join(shown) if query else url


def mask_request(request: OutboundRequest) -> dict[str, Any]:
    """A request as JSON: method, url, headers as pairs, body as text, and whether the body was cut."""
    body = request.body.decode("utf-8", "replace").replace("\x00", "\ufffd")
    return {
        "method": request.method,
        "url": mask_text(
            request.url if request.open_query else mask_url(request.url), request.secrets
        ),
        "headers": [
            [name, _mask_header(name, value, request.secrets)] for name, value in request.headers
        ],
        "body": mask_text(body, request.secrets)[:MAX_BODY],
        "cut": len(body) > MAX_BODY,
    }


def _mask_header(name: str, value: str, secrets: tuple[str, ...]) -> str:
    if name.lower() in SECRET_HEADERS:
        scheme, _, rest = value.partition(" ")
        return f"{scheme} ••••" if rest else "••••"
    return mask_text(value, secrets)
