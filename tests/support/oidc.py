"""A strict OpenID Connect provider: authorization code with PKCE, and ID tokens signed with RS256.

The rules are those of OpenID Connect Core 1.0 (https://openid.net/specs/openid-connect-core-1_0.html)
and RFC 7636 (https://www.rfc-editor.org/rfc/rfc7636), each cited where it is checked.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.support.sink import Answer, Seen, Sink

JSON = {"Content-Type": "application/json"}


def new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": secrets.token_urlsafe(8), "use": "sig"})


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unsigned(claims: dict[str, Any]) -> str:
    """A token with the algorithm "none"."""
    return f"{_head_and_body('none', claims)}."


def signed_with_hmac(claims: dict[str, Any], key: bytes) -> str:
    """A token with HS256.  The key can be a public one, which everyone knows."""
    text = _head_and_body("HS256", claims)
    return f"{text}.{encode(hmac.digest(key, text.encode(), 'sha256'))}"


def _head_and_body(algorithm: str, claims: dict[str, Any]) -> str:
    parts = ({"alg": algorithm}, claims)
    return ".".join(encode(json.dumps(part).encode()) for part in parts)


class OidcDouble(Sink):
    """``person`` are the claims of who signs in.  ``faults`` says what a client did wrong.

    A test bends the next tokens with ``change`` (the claims) and ``sign`` (how they are signed);
    ``down`` replaces all answers.
    """

    def __init__(
        self, redirect_uri: str, client_id: str = "relay", secret: str = "s3:cr et%"
    ) -> None:
        self.redirect_uri, self.client_id, self.secret = redirect_uri, client_id, secret
        self.key = new_key()
        self.person: dict[str, Any] = {
            "sub": "ada-1",
            "email": "ada@example.com",
            "email_verified": True,
            "name": "Ada",
            "groups": ["relay-admins"],
        }
        self.change: dict[str, Any] = {}
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.codes: dict[str, dict[str, str]] = {}
        self.faults: list[str] = []
        self.down: Answer | None = None
        super().__init__()

    def signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def take(self, seen: Seen) -> Answer:
        super().take(seen)
        if self.down is not None:
            return self.down
        path = urlsplit(seen.path).path
        if path == "/.well-known/openid-configuration":
            return self._json(self.metadata())
        if path == "/keys":
            return self._json({"keys": [self.key.as_dict(private=False)]})
        if path == "/authorize":
            return self._authorize(dict(parse_qsl(urlsplit(seen.path).query)))
        if path == "/token" and seen.method == "POST":
            return self._token(seen)
        return Answer(404)

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def _authorize(self, query: dict[str, str]) -> Answer:
        """The person signs in at once.  Core, section 3.1.2.2; RFC 7636, section 4.4.1."""
        if (query.get("client_id"), query.get("redirect_uri")) != (
            self.client_id,
            self.redirect_uri,
        ):
            return self._refuse("the client or its redirect_uri is unknown")  # and no redirect
        if query.get("response_type") != "code" or "openid" not in query.get("scope", "").split():
            return self._refuse("not a request of OpenID Connect")
        if query.get("code_challenge_method") != "S256" or len(query["code_challenge"]) != 43:
            return self._refuse("no PKCE with S256")
        if len(query.get("state", "")) < 22 or len(query.get("nonce", "")) < 22:
            return self._refuse("state or nonce is missing or short")
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return Answer(
            302,
            b"",
            {
                "Location": f"{self.redirect_uri}?{urlencode({'code': code, 'state': query['state']})}"
            },
        )

    def _token(self, seen: Seen) -> Answer:
        login = f"{quote_plus(self.client_id)}:{quote_plus(self.secret)}"  # RFC 6749, section 2.3.1
        expected = "Basic " + base64.b64encode(login.encode()).decode()
        fields = dict(parse_qsl(seen.body.decode("ascii"), strict_parsing=True))
        if seen.headers.get("authorization") != expected or "client_secret" in fields:
            return self._refuse("wrong client secret", 401, "invalid_client")
        query = self.codes.pop(fields.get("code", ""), None)  # section 4.1.2: used once
        if query is None or fields.get("grant_type") != "authorization_code":
            return self._refuse("unknown code", 400, "invalid_grant")
        if fields.get("redirect_uri") != query["redirect_uri"]:
            return self._refuse("wrong redirect_uri", 400, "invalid_grant")
        digest = hashlib.sha256(fields.get("code_verifier", "").encode()).digest()
        if encode(digest) != query["code_challenge"]:
            return self._refuse("wrong verifier", 400, "invalid_grant")  # RFC 7636, section 4.6
        now = int(time.time())
        claims = {"iss": self.url, "aud": self.client_id, "iat": now, "exp": now + 300}
        claims |= {"nonce": query["nonce"]} | self.person
        if "max_age" in query:  # Core, section 2: then auth_time is REQUIRED
            claims["auth_time"] = now
        claims = {name: v for name, v in (claims | self.change).items() if v is not None}
        body = {"access_token": "a", "token_type": "Bearer", "id_token": self.sign(claims)}
        return self._json(body)

    def _refuse(self, why: str, status: int = 400, error: str = "invalid_request") -> Answer:
        self.faults.append(why)
        return Answer(status, json.dumps({"error": error}).encode(), JSON)

    def _json(self, value: Any) -> Answer:
        return Answer(200, json.dumps(value).encode(), JSON)
