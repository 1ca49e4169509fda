"""What needs a call: Relay's public URL, the number of proxies, and the clock of another server.

The calls go through the transport of the deliveries, with its address checks.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from flask import current_app

from config import Config
from relay.delivery.shared_transport import shared_transport
from relay.i18n import _, ngettext
from relay.observability.health import Finding, ok, warning
from relay.services.operations.checks.database import compare_clocks
from relay.services.operations.checks.runner import isolated
from relay.transport.request import OutboundRequest, Reply

LIMIT_S = 3.0
HEADER = "Relay-Check"
MAX_NONCE, MAX_PROXIES = 64, 20
PUBLIC_URL, CLOCK = "public URL", "clock of another server"


def check(config: Config, is_offline: bool, clock_url: str) -> Iterator[Finding]:
    """``clock_url`` is a server with a Date header to compare; empty for none."""
    yield from isolated("settings", lambda: [check_settings(config)])
    if is_offline:
        yield ok(PUBLIC_URL, _("Not called, because calls are turned off."))
        return
    if config.public_url:
        yield from isolated(PUBLIC_URL, lambda: check_public_url(config))
    if clock_url:
        yield from isolated(CLOCK, lambda: [check_clock(clock_url)])


def check_settings(config: Config) -> Finding:
    if not config.public_url:
        return warning(
            "settings",
            _(
                "RELAY_PUBLIC_URL is not set, so endpoints are shown with this machine's own address."
            ),
            _("Set it to the address that sites reach."),
        )
    if config.public_url.startswith("http://"):
        return warning(
            "settings",
            _("RELAY_PUBLIC_URL uses plain HTTP."),
            _("Put an HTTPS proxy in front of Relay."),
        )
    return ok("settings", _("All settings are valid."))


def call(url: str, *headers: tuple[str, str]) -> Reply:
    request = OutboundRequest("GET", url, headers, b"", timeout_s=LIMIT_S, max_reply_bytes=1024)
    return shared_transport(current_app._get_current_object()).send(request)  # type: ignore[attr-defined]


def proof(config: Config, nonce: str, proxies: int) -> str:
    """What only this Relay can answer to ``nonce``, by how many proxies a request passed.

    It tells neither the secret key nor the number to anyone else.
    """
    key = hashlib.sha256(b"relay check " + config.secret_key.encode()).digest()
    text = f"{nonce[:MAX_NONCE]} {proxies}"
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def check_public_url(config: Config) -> Iterator[Finding]:
    """Whether RELAY_PUBLIC_URL leads to this Relay, and through how many proxies."""
    nonce = secrets.token_hex(16)
    reply = call(f"{config.public_url}/healthz", (HEADER, nonce))
    if reply.error == "blocked_address":
        yield ok(
            PUBLIC_URL,
            _(
                "%(public_url)s is a private address, which Relay does not call.",
                public_url=config.public_url,
            ),
        )
        return
    if reply.error:
        yield warning(
            PUBLIC_URL,
            _(
                "%(public_url)s does not answer: %(reason)s.",
                public_url=config.public_url,
                reason=reply.sentence.rstrip("."),
            ),
            _(
                "Check its name, its certificate and the proxy in front of Relay. Ignore this if only this "
                "host cannot reach it."
            ),
        )
        return
    answer = reply.header(HEADER) or ""
    counts = (n for n in range(MAX_PROXIES + 1) if answer == proof(config, nonce, n))
    proxies = next(counts, None)
    if proxies is None:
        yield warning(
            PUBLIC_URL,
            _(
                "%(public_url)s does not lead to this Relay: its answer (%(status)s) is not from "
                "a process with this SECRET_KEY.",
                public_url=config.public_url,
                status=reply.status,
            ),
            _("Correct RELAY_PUBLIC_URL or the proxy, and give all processes the same SECRET_KEY."),
        )
        return
    yield ok(PUBLIC_URL, _("%(public_url)s leads to this Relay.", public_url=config.public_url))
    yield _proxies(proxies, config.trusted_proxies)


def _proxies(found: int, trusted: int) -> Finding:
    if found == trusted:
        return ok(
            "proxies",
            _(
                "RELAY_TRUSTED_PROXIES is %(trusted)s, which matches the proxies that requests "
                "pass.",
                trusted=trusted,
            ),
        )
    effect = (
        _("the address of a proxy is taken for the site's")
        if found > trusted
        else _("a sender can choose the address that Relay sees")
    )
    passes = (
        ngettext("%(num)s that sets", "%(num)s that set", found)
        if found
        else _("no proxy that sets")
    )
    return warning(
        "proxies",
        _(
            "RELAY_TRUSTED_PROXIES is %(trusted)s, but of the proxies that requests pass, "
            "%(passes)s X-Forwarded-For: %(effect)s.",
            trusted=trusted,
            passes=passes,
            effect=effect,
        ),
        _(
            "Set RELAY_TRUSTED_PROXIES=%(found)s and restart the web processes, if requests "
            "of the sites pass the same proxies.",
            found=found,
        ),
    )


def check_clock(url: str) -> Finding:
    """The Date header has whole seconds, so half a second and half the duration are allowed for."""
    before = datetime.now(UTC)
    reply = call(url)
    took_s = (datetime.now(UTC) - before).total_seconds()
    try:
        theirs = parsedate_to_datetime(reply.header("Date") or "")
    except (ValueError, TypeError):
        reason = reply.sentence.rstrip(".") if reply.error else "it sent no Date header"
        return warning(
            CLOCK,
            _("%(url)s did not tell the time: %(reason)s.", url=url, reason=reason),
            _("Use another server for the option --clock-url or RELAY_CLOCK_URL."),
        )
    ahead_s = (before - theirs).total_seconds() + took_s / 2 - 0.5
    allowed_s = 0.5 + took_s / 2
    rest_s = max(0.0, abs(ahead_s) - allowed_s) * (1 if ahead_s > 0 else -1)
    return compare_clocks(CLOCK, rest_s, f"that of {url}")
