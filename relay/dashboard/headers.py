"""The security headers of every response to a browser, error pages and redirects included.

This is WSGI middleware and no ``after_request`` hook: it also covers what no blueprint answers (an
unknown path, a static file), and it costs a request of a site no more than one comparison.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

INGEST = "/webhooks/"
PROBES = frozenset(("/healthz", "/readyz", "/metrics"))
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "object-src 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    # with no-referrer, browsers would send no Origin with our own forms
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class SecurityHeaders:
    """Wraps a WSGI application; ``static_path`` is where its files are."""

    def __init__(self, application: WSGIApplication, static_path: str):
        self.application, self.static_path = application, f"{static_path}/"

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(INGEST) or path in PROBES:
            return self.application(environ, start_response)

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            return start_response(status, self.added_to(headers, environ, status), *exc_info)

        return self.application(environ, start)

    def added_to(
        self, headers: list[tuple[str, str]], environ: WSGIEnvironment, status: str
    ) -> list[tuple[str, str]]:
        """``headers`` and those of HEADERS that are not set yet."""
        wanted = HEADERS | self.caching(environ.get("PATH_INFO", ""), status)
        if environ["wsgi.url_scheme"] == "https":
            wanted["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        kept = [pair for pair in headers if pair[0] != "Cache-Control" or pair[0] not in wanted]
        known = {name for name, _ in kept}
        return kept + [pair for pair in wanted.items() if pair[0] not in known]

    def caching(self, path: str, status: str) -> dict[str, str]:
        """Pages are never cached; bundles for a year, since their names change with their content."""
        if not path.startswith(self.static_path):
            return {"Cache-Control": "no-store"}
        if not status.startswith(("200", "304")):
            return {"Cache-Control": "no-store"}
        if path.startswith(f"{self.static_path}gen/") and status.startswith("200"):
            return {"Cache-Control": "public, max-age=31536000, immutable"}
        return {}


def init_app(app: Flask) -> None:
    app.wsgi_app = SecurityHeaders(app.wsgi_app, app.static_url_path or "/static")  # type: ignore[method-assign]
