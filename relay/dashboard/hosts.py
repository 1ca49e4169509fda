"""The dashboard answers only for the host of RELAY_PUBLIC_URL and on this machine.

Otherwise another website could lead a browser here under its own name (DNS rebinding), or a forged
Host header could appear in links.  Sites may send events to any name: ingest runs no hook.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, current_app, make_response, request

from relay.i18n import _

LOCAL = ("localhost", "127.0.0.1", "::1")


def is_own(host: str, public_url: str) -> bool:
    """Whether ``host``, with or without a port, is that of ``public_url`` or this machine's."""
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name in LOCAL or name == urlsplit(public_url).hostname


def check_host() -> Response | None:
    """421 for another host, if RELAY_PUBLIC_URL is set."""
    public_url: str = current_app.extensions["relay_config"].public_url
    if not public_url or is_own(request.host, public_url):
        return None
    text = _(
        "Relay's dashboard is at %(url)s, and this request is for another host. Open that URL. "
        "If you did, the proxy in front of Relay does not pass on the Host header.\n",
        url=public_url,
    )
    return make_response(text, 421, {"Content-Type": "text/plain; charset=utf-8"})


def init_app(app: Flask) -> None:
    app.before_request(check_host)
