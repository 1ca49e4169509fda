"""A strict OAuth 2.0 authorization server for client credentials, with an API that checks its tokens.

The rules are those of RFC 6749 (https://www.rfc-editor.org/rfc/rfc6749), each cited where it is
checked, and of RFC 6750 (https://www.rfc-editor.org/rfc/rfc6750) for the API.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import ssl
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from tests.support.sink import Answer, Seen, Sink

TOKEN_PATH, API_PATH = "/oauth2/token", "/api/hook"
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass
class Rules:
    """What the server allows.  ``lasts_s`` is ``expires_in``, None to leave it out."""

    client_id: str = "client one&two"
    client_secret: str = "s3cret:with %+ signs"
    scopes: frozenset[str] = frozenset({"hooks.write", "hooks.read"})
    lasts_s: float | None = 3600
    token_type: str = "Bearer"
    login: str = "basic"  # or "body"
    extra: dict[str, Any] = field(default_factory=dict)


class TokenEndpoint(Sink):
    """``issued`` are the tokens in the order they were made; ``faults`` what clients did wrong.

    ``next_token`` answers replace the next ones of the token URL; ``revoke`` ends a token early.
    """

    def __init__(self, rules: Rules | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.rules = rules or Rules()
        self.issued: list[str] = []
        self.valid_until: dict[str, float] = {}
        self.faults: list[str] = []
        self.next_token: list[Answer] = []
        super().__init__(tls)

    @property
    def token_url(self) -> str:
        return self.url + TOKEN_PATH

    @property
    def api_url(self) -> str:
        return self.url + API_PATH

    def token_calls(self) -> list[Seen]:
        return [seen for seen in self.requests if seen.path.startswith(TOKEN_PATH)]

    def api_calls(self) -> list[Seen]:
        return [seen for seen in self.requests if seen.path.startswith(API_PATH)]

    def revoke(self, token: str) -> None:
        self.valid_until.pop(token, None)

    def take(self, seen: Seen) -> Answer:
        planned = super().take(seen)
        if not seen.path.startswith(TOKEN_PATH):
            return self._api(seen, planned)
        if self.next_token:
            return self.next_token.pop(0)
        return self._token(seen)

    def _api(self, seen: Seen, planned: Answer) -> Answer:
        """RFC 6750, section 3: without a valid token 401 and WWW-Authenticate."""
        scheme, _, token = seen.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or self.valid_until.get(token, 0) <= time.monotonic():
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return Answer(401, b'{"message":"The token is not valid."}', challenge)
        return planned

    def _token(self, seen: Seen) -> Answer:
        if seen.method != "POST":  # section 3.2: the client MUST use POST
            return self._error(405, "invalid_request", "Use POST.")
        if "?" in seen.path:  # section 2.3.1: credentials are not in the URI
            return self._error(400, "invalid_request", "Parameters belong into the body.")
        if seen.headers.get("content-type") != "application/x-www-form-urlencoded":  # section 4.4.2
            return self._error(400, "invalid_request", "The content type is wrong.")
        pairs = parse_qsl(seen.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
        fields = dict(pairs)
        if repeated := [name for name, count in Counter(n for n, _ in pairs).items() if count > 1]:
            # section 3.2: parameters MUST NOT be included more than once
            return self._error(400, "invalid_request", f"{repeated[0]} is repeated.")
        if "grant_type" not in fields:  # section 4.4.2: REQUIRED
            return self._error(400, "invalid_request", "grant_type is missing.")
        if fields["grant_type"] != "client_credentials":
            return self._error(400, "unsupported_grant_type", "Only client_credentials.")
        basic = seen.headers.get("authorization")
        if basic and "client_secret" in fields:
            # section 2.3: not more than one method in each request
            return self._error(
                400, "invalid_request", "The client has two kinds of authentication."
            )
        if (basic is not None) != (self.rules.login == "basic"):
            return self._error(401, "invalid_client", "This client cannot log in like this.")
        if (*self._client(basic, fields),) != (self.rules.client_id, self.rules.client_secret):
            return self._error(401, "invalid_client", "The client secret is wrong or has expired.")
        asked = fields.get("scope", "").split(" ") if fields.get("scope") else []
        if not set(asked) <= self.rules.scopes:
            return self._error(400, "invalid_scope", "A scope is unknown.")
        return self._issue()

    def _client(self, basic: str | None, fields: dict[str, str]) -> tuple[str, str]:
        """Section 2.3.1: in HTTP Basic both are form-encoded before they are joined."""
        if basic is None:
            return fields.get("client_id", ""), fields.get("client_secret", "")
        scheme, _, text = basic.partition(" ")
        try:
            user, colon, password = (
                base64.b64decode(text, validate=True).decode("ascii").partition(":")
            )
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        if scheme != "Basic" or not colon or ":" in password:
            self.faults.append("the pair is not form-encoded")
        return unquote_plus(user), unquote_plus(password)

    def _issue(self) -> Answer:
        """Section 5.1: 200, JSON, and it MUST NOT be stored by caches."""
        token = secrets.token_urlsafe(24)
        self.issued.append(token)
        lasts_s = self.rules.lasts_s
        self.valid_until[token] = time.monotonic() + (3600 if lasts_s is None else lasts_s)
        body: dict[str, Any] = {"access_token": token, "token_type": self.rules.token_type}
        body |= {} if lasts_s is None else {"expires_in": lasts_s}
        headers = {"Content-Type": "application/json;charset=UTF-8", **NO_STORE}
        return Answer(200, json.dumps(body | self.rules.extra).encode(), headers)

    def _error(self, status: int, code: str, text: str) -> Answer:
        """Section 5.2: 400, or 401 with WWW-Authenticate for a client that used Authorization."""
        self.faults.append(f"{code}: {text}")
        headers = {"Content-Type": "application/json;charset=UTF-8", **NO_STORE}
        if status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="token"'
        body = {"error": code, "error_description": text}
        return Answer(status, json.dumps(body).encode(), headers)
