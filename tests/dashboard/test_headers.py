"""Every response to a browser has its security headers; requests of sites and probes run no hook."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask, got_request_exception, request

from relay.dashboard import PAGES
from relay.dashboard.headers import HEADERS
from relay.models import db
from relay.services.audit import COMMAND_LINE
from relay.services.sources import settings as source_settings
from tests.dashboard.conftest import Visitor

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
MACHINE_PATHS = ("/webhooks/wp", "/webhooks/wp/shop", "/webhooks/key", "/healthz", "/metrics")
EVERYWHERE = (
    *("/", "/sources", "/sign-in", "/nowhere", "/sources/", "//sources", "/metrics/", "/static/x"),
    *("/static/relay.svg", "/sources/none", "/api/openapi.json", "/api/none", "/webhooksx"),
)


def hooks_of(app: Flask, path: str) -> list[str]:
    """The names of all hooks that run for a request to ``path``."""
    with app.test_request_context(path, method="POST" if "webhooks" in path else "GET"):
        names = (None, *request.blueprints)
    tables = (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs)
    return [
        getattr(hook, "__qualname__", repr(hook))
        for table in tables
        for name in names
        for hook in table.get(name, [])  # type: ignore[attr-defined]
    ]


def test_requests_of_sites_run_no_hook_and_probes_only_their_own(app: Flask) -> None:
    for path in MACHINE_PATHS:
        own = [] if path.startswith("/webhooks") else ["forbid_caching"]
        assert hooks_of(app, path) == own, path


def test_every_page_keeps_the_form_token(app: Flask) -> None:
    for page in PAGES:
        names = {
            getattr(hook, "__qualname__", "")
            for hook in app.before_request_funcs[page.blueprint.name]
        }
        assert "CSRFProtect.init_app.<locals>.csrf_protect" in names


def test_requests_of_sites_and_probes_have_no_browser_headers(app: Flask) -> None:
    client = app.test_client()
    for path in MACHINE_PATHS:
        headers = client.open(path, method="POST" if "webhooks" in path else "GET").headers
        assert not HEADERS.keys() & set(headers.keys()), path
        assert "Set-Cookie" not in headers, path


def test_every_other_response_has_the_headers(app: Flask, visit: Callable[..., Visitor]) -> None:
    with app.app_context():
        source_settings.create_source("Shop", "https://shop.example.com", COMMAND_LINE)
        db.session.remove()
    for person in (visit(), visit("viewer")):
        statuses = set()
        for path in EVERYWHERE:
            with person.get(path) as answer:  # it closes the file of a static one
                statuses.add(answer.status_code)
                assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, path
                if not path.startswith("/static"):
                    assert answer.headers["Cache-Control"] == "no-store", path
        assert {200, 303, 308, 404} <= statuses
        assert person.client.post("/sources").status_code in (400, 403, 405)
        assert HEADERS.items() <= dict(person.client.post("/sources").headers).items()


def test_a_page_that_fails_has_the_headers(app: Flask, visit: Callable[..., Visitor]) -> None:
    person, seen = visit("viewer"), []

    def broken() -> None:
        raise ZeroDivisionError

    app.view_functions["overview.page"] = broken
    app.testing = False
    with got_request_exception.connected_to(lambda *_a, **kw: seen.append(kw["exception"]), app):
        answer = person.get("/")
    assert (answer.status_code, type(seen[0])) == (500, ZeroDivisionError)
    assert HEADERS.items() <= dict(answer.headers).items()


def test_https_adds_strict_transport_security(app: Flask) -> None:
    client = app.test_client()
    assert "Strict-Transport-Security" not in client.get("/sign-in").headers
    for path in ("/sign-in", "/", "/nowhere", "/static/relay.svg", "/api/openapi.json"):
        with client.get(path, base_url="https://relay.example.com") as answer:
            policy = answer.headers["Strict-Transport-Security"]
            assert policy == "max-age=31536000; includeSubDomains", path


def test_a_missing_file_shows_nothing_of_the_session_and_is_not_cached(
    visit: Callable[..., Visitor],
) -> None:
    person = visit("admin")
    for path in ("/static/gen/app.00000000.css", "/static/none.js", "/static/"):
        answer = person.get(path)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-store")
        assert person.email not in answer.text and "csrf" not in answer.text
    with person.get("/static/relay.svg") as answer:
        assert answer.status_code == 200
        assert answer.headers.get("Cache-Control") != "no-store"
