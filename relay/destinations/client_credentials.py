"""OAuth 2.0 client credentials: gets an access token and keeps it until it expires.

Source: RFC 6749 (https://www.rfc-editor.org/rfc/rfc6749), section 4.4 for the grant, 2.3.1 for the
client's password, 5.1 and 5.2 for the answers; RFC 6750 for the use of the token.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from relay.destinations.base import Call, Send
from relay.destinations.envelope import USER_AGENT
from relay.destinations.outcomes.http import status_phrase
from relay.destinations.redaction import mask_text
from relay.i18n import N_, _
from relay.rules.lifecycle import Failed, Refused
from relay.transport.request import OutboundRequest, Reply, retry_after_s

TIMEOUT_S = 10.0
WITHOUT_EXPIRY_S = 300.0  # how long a token is kept if the answer does not say when it expires
EARLY_S = (
    30.0  # a token is renewed this long before it expires, but not in the first half of its time
)
LONGEST_S = 86_400.0
MAX_TOKENS = 500  # kept by one process
WAIT_S = 25.0  # for another thread that gets the same token
TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
SETTINGS = N_("Check the OAuth settings of the destination, then resume it.")


@dataclass(frozen=True)
class ClientCredentials:
    """``in_body`` sends the client's id and secret as form fields instead of HTTP Basic."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    audience: str = ""
    in_body: bool = False
    ca_pem: str = field(default="", repr=False)

    @property
    def key(self) -> str:
        """Identifies these credentials without showing them: a change of any setting is a new key."""
        parts = (self.token_url, self.client_id, self.client_secret, self.scope, self.audience)
        text = json.dumps([*parts, self.in_body, self.ca_pem])
        return hashlib.sha256(text.encode()).hexdigest()

    def request(self) -> OutboundRequest:
        """The call that gets a token."""
        fields = {"grant_type": "client_credentials"}
        fields |= {"scope": self.scope} if self.scope else {}
        fields |= {"audience": self.audience} if self.audience else {}
        headers = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Accept", "application/json"),
            ("User-Agent", USER_AGENT),
        ]
        # Section 2.3.1: both are form-encoded before they are joined.
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
        if self.in_body:
            fields |= {"client_id": self.client_id, "client_secret": self.client_secret}
        else:
            login = base64.b64encode(pair.encode()).decode()
            headers.append(("Authorization", f"Basic {login}"))  # i18n: keep
        return OutboundRequest(
            "POST",
            self.token_url,
            tuple(headers),
            urlencode(fields).encode(),
            TIMEOUT_S,
            secrets=(self.client_secret, pair),
            ca_pem=self.ca_pem,
            secret_reply=True,
        )


@dataclass(frozen=True)
class AccessToken:
    """``until`` is on the monotonic clock."""

    value: str = field(repr=False)
    until: float


@dataclass
class _Slot:
    """What is known for one set of credentials.  ``lock`` is held by the thread that gets a token."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    found: AccessToken | Failed | Refused | None = None
    found_at: float = 0.0


class TokenCache:
    """The tokens of this process.  Threads share it; one of them gets a token, the others wait for it.

    Each process has its own tokens.  A token that one process has renewed stays valid in the others,
    unless the service says otherwise; then they renew theirs after its 401.
    """

    def __init__(self) -> None:
        self.slots: dict[str, _Slot] = {}
        self.lock = threading.Lock()

    def token(
        self,
        credentials: ClientCredentials,
        send: Send,
        calls: list[Call],
        refused: str = "",
    ) -> AccessToken | Failed | Refused:
        """A valid token, or why there is none.  A call that was made is added to ``calls``.

        ``refused`` is a token that the service has just rejected: it is not used again.
        """
        slot = self._slot(credentials.key)
        asked_at = time.monotonic()
        if not slot.lock.acquire(timeout=WAIT_S):
            return Failed(
                "token_unreachable",
                _("Another call still waits for an access token. Relay retries."),
            )
        try:
            found = slot.found
            if isinstance(found, AccessToken):
                if found.value != refused and found.until > time.monotonic():
                    return found
            elif found is not None and slot.found_at > asked_at:
                return found  # another thread got this answer while this one waited
            request = credentials.request()
            reply = send(request)
            calls.append(Call(request, reply))
            slot.found = read_token(reply, credentials)
            slot.found_at = time.monotonic()
            return slot.found
        finally:
            slot.lock.release()

    def _slot(self, key: str) -> _Slot:
        with self.lock:
            if len(self.slots) >= MAX_TOKENS and key not in self.slots:
                self.slots.pop(next(iter(self.slots)))
            return self.slots.setdefault(key, _Slot())


def read_token(reply: Reply, credentials: ClientCredentials) -> AccessToken | Failed | Refused:
    """The token in an answer (section 5.1), or the error in it (section 5.2)."""
    host, body = urlsplit(credentials.token_url).netloc, _object(reply)
    said = {"host": host, "words": _words(body, credentials)}
    if reply.status is None:
        not_reached = _("The token URL (%(host)s) was not reached, so nothing was sent.", host=host)
        sentence = f"{not_reached} {reply.sentence}"
        if reply.permanent:
            return Refused(reply.error or "token_unreachable", sentence, pause=True)
        return Failed("token_unreachable", sentence)
    if reply.status in (408, 425, 429) or reply.status >= 500:
        return Failed(
            "token_unavailable",
            _(
                "The token URL (%(host)s) responded %(status)s%(words)s. The problem is on its side; Relay "
                "retries.",
                status=status_phrase(reply.status),
                **said,
            ),
            retry_after_s(reply),
        )
    if not 200 <= reply.status < 300:
        if body.get("error") in ("temporarily_unavailable", "server_error"):
            return Failed(
                "token_unavailable",
                _("The token URL (%(host)s) has an error%(words)s. Relay retries.", **said),
            )
        refused = _(
            "The token URL (%(host)s) gave no access token: it responded %(status)s%(words)s.",
            status=status_phrase(reply.status),
            **said,
        )
        return Refused("token_refused", f"{refused} {_(SETTINGS)}", pause=True)
    return _token_of(body, said)


def _token_of(body: dict[str, Any], said: Mapping[str, str]) -> AccessToken | Failed | Refused:
    """``said`` are the host of the token URL, and the service's own words."""
    value = body.get("access_token")
    if not isinstance(value, str) or not TOKEN.fullmatch(value):
        if "error" in body:  # some services answer an error with 200
            refused = _("The token URL (%(host)s) gave no access token%(words)s.", **said)
            return Refused("token_refused", f"{refused} {_(SETTINGS)}", pause=True)
        return Failed(
            "token_invalid",
            _(
                "The token URL (%(host)s) responded without an access token. Check that it is the token "
                "URL of the service; if it is, the problem is on its side. Relay retries.",
                host=said["host"],
            ),
        )
    kind = body.get("token_type", "bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        refused = _(
            "The token URL (%(host)s) gave a token of the type %(type)s; Relay can only use bearer tokens.",
            host=said["host"],
            type=repr(str(kind)[:40]),
        )
        return Refused("token_refused", f"{refused} {_(SETTINGS)}", pause=True)
    lasts_s = _seconds(body.get("expires_in"))
    early_s = min(EARLY_S, lasts_s / 2)
    return AccessToken(value, time.monotonic() + lasts_s - early_s)


def _seconds(value: Any) -> float:
    """``expires_in``: seconds as a number; some services write it as a text."""
    text = str(value) if isinstance(value, int | float | str) else ""
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,20}(\.[0-9]+)?", text):
        return WITHOUT_EXPIRY_S
    return min(float(text), LONGEST_S)


def _object(reply: Reply) -> dict[str, Any]:
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _words(body: dict[str, Any], credentials: ClientCredentials) -> str:
    """The service's own words, without secrets: ``, invalid_client: “The secret has expired.”``"""
    code, text = (
        " ".join(str(body.get(name) or "").split())[:300] for name in ("error", "error_description")
    )
    secrets = credentials.request().secrets
    words = f", {code}" if code else ""
    words += f": “{text.rstrip('.')}”" if text else ""
    return mask_text(words, secrets)
