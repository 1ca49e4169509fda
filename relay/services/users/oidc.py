"""OpenID Connect: the conversation with the provider of single sign-on.

Authorization code with PKCE, state and nonce (https://openid.net/specs/openid-connect-core-1_0.html).
The calls go through the guarded client, with its deadline; the provider is the operator's choice, so
it may be in a private network.  The libraries are imported when they are used.
"""

from __future__ import annotations

import ipaddress
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from flask import current_app

from config import Config
from relay.errors import Refusal
from relay.i18n import _
from relay.observability.logging import log
from relay.oidc_settings import LOCAL, OidcSettings
from relay.transport.client import Transport
from relay.transport.proxy import Proxy
from relay.transport.request import OutboundRequest

ANYWHERE = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
SCOPE = "openid email profile"
TIMEOUT_S, KEPT_S, KEYS_KEPT_S, LEEWAY_S = 5.0, 600.0, 30.0, 60
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
FAULTS = {
    "aud": "its token is for another application: check RELAY_OIDC_CLIENT_ID",
    "azp": "its token is for another application: check RELAY_OIDC_CLIENT_ID",
    "iss": "its token is from another issuer: check RELAY_OIDC_ISSUER",
    "exp": "its token has expired: compare the clocks of both servers",
    "iat": "its token is from the future: compare the clocks of both servers",
    "nonce": "its token is for another sign-in",
    "sub": "its token has no valid subject",
}


class ProviderUnavailable(Refusal):
    """The provider does not answer, or not as OpenID Connect says."""


class TokenRefused(Refusal):
    """What the provider sent proves nothing."""


@dataclass(frozen=True)
class Request:
    """One sign-in at the provider.  All of it stays in the person's session until it returns."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True)
class Identity:
    """Who signed in at the provider.

    ``subject`` is ``issuer subject``.  ``auth_time`` is when the person last showed a password there,
    in seconds since 1970; None if the provider does not say.  ``is_mfa``: it asked for two factors.
    """

    subject: str
    email: str
    email_verified: bool | None  # None if the provider does not say
    name: str
    claims: Mapping[str, Any]
    auth_time: float | None
    is_mfa: bool


class OidcProvider:
    """``settings``, and what the provider publishes, which is read again after 10 minutes."""

    def __init__(self, settings: OidcSettings, transport: Transport):
        self.settings, self.transport = settings, transport
        self._read: dict[str, tuple[float, dict[str, Any]]] = {}

    def start(self, redirect_uri: str, is_proof: bool = False) -> tuple[str, Request]:
        """-> where to send the browser, and what to keep.  ``is_proof``: the person is asked again.

        Raises ProviderUnavailable.
        """
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        made = Request(*(secrets.token_urlsafe(32) for _ in range(3)))
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": SCOPE,
            "state": made.state,
            "nonce": made.nonce,
            "code_challenge": create_s256_code_challenge(made.verifier),
            "code_challenge_method": "S256",
        } | ({"prompt": "login", "max_age": "0"} if is_proof else {})
        endpoint = self._metadata()["authorization_endpoint"]
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}", made

    def finish(self, made: Request, code: str, redirect_uri: str) -> Identity:
        """Exchange the code.  Raises ProviderUnavailable, TokenRefused."""
        answer = self._exchange(made, code, redirect_uri)
        token, access_token = answer.get("id_token"), answer.get("access_token")
        if not isinstance(token, str):
            raise self._refused("it sent no ID token")
        claims = self._check(token, made.nonce, str(access_token or ""))
        amr, auth_time = claims.get("amr"), claims.get("auth_time")
        return Identity(
            subject=f"{claims['iss']} {claims['sub']}",
            email=_text(claims.get("email")).strip().lower(),
            email_verified=_yes_or_no(claims.get("email_verified")),
            name=_text(claims.get("name"))[:120],
            claims=claims,
            auth_time=float(auth_time) if isinstance(auth_time, int | float) else None,
            is_mfa=isinstance(amr, list) and "mfa" in amr,
        )

    def _exchange(self, made: Request, code: str, redirect_uri: str) -> dict[str, Any]:
        from authlib.oauth2.auth import ClientAuth

        metadata = self._metadata()
        ways = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        is_basic = "client_secret_basic" in ways
        client = (self.settings.client_id, self.settings.client_secret)
        # RFC 6749, section 2.3.1: with Basic, both are form-encoded first
        login = ClientAuth(
            *(map(quote_plus, client) if is_basic else client),
            "client_secret_basic" if is_basic else "client_secret_post",
        )
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": made.verifier,
        }
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        url, headers, body = login.prepare(
            "POST", metadata["token_endpoint"], headers, urlencode(fields)
        )
        return self._call("POST", url, headers, body)

    def _check(self, token: str, nonce: str, access_token: str) -> Mapping[str, Any]:
        """The claims of an ID token with a valid signature, for us and for this sign-in."""
        from authlib.oidc.core import CodeIDToken
        from joserfc.errors import ClaimError, JoseError

        try:
            decoded = self._decode(token)
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                {
                    "iss": {"essential": True, "value": self._metadata()["issuer"]},
                    "aud": {"essential": True, "value": self.settings.client_id},
                    "sub": {"essential": True},
                    "exp": {"essential": True},
                },
                {
                    "nonce": nonce,
                    "client_id": self.settings.client_id,
                    "access_token": access_token,
                },
            )
            claims.validate(now=int(time.time()), leeway=LEEWAY_S)
            if not claims["sub"] or claims["sub"] != _text(claims["sub"]):
                raise self._refused(FAULTS["sub"])
        except ClaimError as exc:
            raise self._refused(
                FAULTS.get(exc.claim, f"its token has a wrong {exc.claim}")
            ) from exc
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as exc:
            raise self._refused("its token is not signed as it must be") from exc
        return claims

    def _decode(self, token: str) -> Any:
        """With the provider's keys; they are read again once, because a new one may sign."""
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        for kept_s in (KEPT_S, KEYS_KEPT_S):
            found = self._get(self._metadata()["jwks_uri"], kept_s).get("keys") or []
            usable = [key for key in found if key.get("kty") in ("RSA", "EC")]
            try:
                return jwt.decode(token, KeySet.import_key_set({"keys": usable}), ALGORITHMS)
            except (JoseError, ValueError):
                if kept_s == KEYS_KEPT_S:
                    raise
        raise AssertionError

    def _metadata(self) -> dict[str, Any]:
        """What the issuer publishes about itself.  Raises ProviderUnavailable."""
        issuer = self.settings.issuer
        found = self._get(f"{issuer}/.well-known/openid-configuration", KEPT_S)
        if str(found.get("issuer", "")).rstrip("/") != issuer:
            raise self._unavailable(_("Its configuration names another issuer."))
        is_local = urlsplit(issuer).scheme == "http"
        for name in ENDPOINTS:
            parts = urlsplit(str(found.get(name, "")))
            if parts.scheme != "https" and not (is_local and parts.hostname in LOCAL):
                raise self._unavailable(_("Its configuration has no valid %(name)s.", name=name))
        return found

    def _get(self, url: str, kept_s: float) -> dict[str, Any]:
        """The JSON at ``url``, at most ``kept_s`` seconds old."""
        at, found = self._read.get(url, (0.0, {}))
        if not found or time.monotonic() - at > kept_s:
            found = self._call("GET", url, {"Accept": "application/json"}, "")
            self._read[url] = time.monotonic(), found
        return found

    def _call(self, method: str, url: str, headers: dict[str, str], body: str) -> dict[str, Any]:
        """The object in the reply.  Raises ProviderUnavailable, TokenRefused."""
        reply = self.transport.send(
            OutboundRequest(method, url, tuple(headers.items()), body.encode(), timeout_s=TIMEOUT_S)
        )
        if reply.status is None:
            log("oidc.unavailable", level="warning", url=url, error=reply.error)
            raise self._unavailable(_("It does not answer (%(error)s).", error=reply.error))
        try:
            found = json.loads(reply.body)
        except ValueError:
            found = None
        if reply.status in (400, 401) and method == "POST":
            error = str(found.get("error", ""))[:60] if isinstance(found, dict) else ""
            log("oidc.refused", level="warning", error=error)
            raise self._refused(
                "it rejects RELAY_OIDC_CLIENT_ID or RELAY_OIDC_CLIENT_SECRET"
                if error == "invalid_client"
                else "it no longer accepts this sign-in"
            )
        if reply.status != 200 or not isinstance(found, dict):
            log("oidc.unavailable", level="warning", url=url, status=reply.status)
            raise self._unavailable(_("It answers %(status)s.", status=reply.status))
        return found

    def _unavailable(self, why: str) -> ProviderUnavailable:
        return ProviderUnavailable(
            _(
                "Signing in with %(label)s is not possible at the moment. %(why)s You can sign in"
                " with your password, if you have one. If it lasts, ask your administrator.",
                label=self.settings.label,
                why=why,
            )
        )

    def _refused(self, why: str) -> TokenRefused:
        return TokenRefused(
            _(
                "The sign-in with %(label)s was not accepted: %(why)s. Try again. If it happens "
                "again, ask your administrator.",
                label=self.settings.label,
                why=why,
            )
        )


def _yes_or_no(claim: Any) -> bool | None:
    """Some providers send the words; None for anything else."""
    return claim if isinstance(claim, bool) else {"true": True, "false": False}.get(_text(claim))


def _text(value: Any) -> str:
    """A claim as text that every database stores."""
    text = value if isinstance(value, str) else ""
    return text.encode("utf-8", "ignore").decode().replace("\x00", "")


def find_provider() -> OidcProvider | None:
    """The provider of this Relay; None if single sign-on is off."""
    app = current_app
    config: Config = app.extensions["relay_config"]
    if config.oidc is None:
        return None
    found: OidcProvider | None = app.extensions.get("relay_oidc")
    if found is None:
        is_local = urlsplit(config.oidc.issuer).hostname in LOCAL
        proxy = None if is_local else Proxy.of(config.outbound_proxy)
        transport = Transport(ANYWHERE, config.ca_file, pool_size=1, proxy=proxy)
        found = app.extensions["relay_oidc"] = OidcProvider(config.oidc, transport)
    return found
