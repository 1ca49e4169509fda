"""Visitors: Flask's test client with a session and CSRF tokens."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from relay.services.audit import COMMAND_LINE
from relay.services.users import accounts as user_accounts
from tests.support.sink import Sink
from tests.support.world import World, make

PASSWORD = "correct horse battery staple"


class Visitor:
    """A client, signed in if it has a role.  ``post`` adds the CSRF token, as our own forms do."""

    def __init__(self, app: Flask, role: str | None = None):
        self.app, self.client = app, app.test_client()
        if role is not None:
            self.email = f"{role}@example.com"
            with app.app_context():
                user_accounts.create_user(self.email, PASSWORD, role, COMMAND_LINE)
            assert self.sign_in().status_code == 303

    def sign_in(self, email: str = "", password: str = PASSWORD, **more: str) -> TestResponse:
        return self.post("/sign-in", {"email": email or self.email, "password": password, **more})

    def get(self, path: str, **kw: Any) -> TestResponse:
        return self.client.get(path, **kw)

    def token(self) -> str:
        page = self.client.get("/sign-in").text
        if "csrf_token" not in page:
            page = self.client.get("/proof").text
        found = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert found, page
        return found[1]

    def post(self, path: str, data: dict[str, Any] | None = None, **kw: Any) -> TestResponse:
        return self.client.post(path, data={"csrf_token": self.token(), **(data or {})}, **kw)


def text_of(page: str) -> str:
    """The text that a person reads: without tags, with single spaces."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


@pytest.fixture
def visit(app: Flask) -> Callable[..., Visitor]:
    return lambda role=None: Visitor(app, role)


@pytest.fixture
def admin(app: Flask) -> Iterator[FlaskClient | Visitor]:
    yield Visitor(app, "admin")


@pytest.fixture
def world(app: Flask, sink: Sink) -> Iterator[World]:
    """One event, delivered to the inbox and refused by the hook."""
    yield make(app, sink)
    app.extensions["relay_ingest"].close()
