"""Programs: Flask's test client with an API token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from relay.models import User, db
from relay.rules.states import Role
from relay.services.audit import COMMAND_LINE
from relay.services.tokens import settings as tokens
from relay.services.tokens.settings import TokenChoice
from tests.support import two_sites
from tests.support.two_sites import TwoSites


class ApiClient:
    """Sends requests with a token of a user who is made for it."""

    def __init__(self, app: Flask, role: str, sites: Sequence[str] | None = None):
        self.app, self.client, self.role = app, app.test_client(), role
        with app.app_context():
            self.email = f"owner-{role}@example.com"
            user = db.session.query(User).filter_by(email=self.email).one_or_none()
            if user is None:
                user = User(email=self.email, role=Role(role))
                db.session.add(user)
                db.session.commit()
            name = f"CI {role} {'limited' if sites else ''}".strip()
            made = tokens.create_token(user.id, TokenChoice(name, role, sites), COMMAND_LINE)
            self.user_id, self.token_id, self.token = user.id, made.token.id, made.secret

    def open(self, method: str, path: str, **kw: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}", **kw.pop("headers", {})}
        return self.client.open(f"/api/v1{path}", method=method, headers=headers, **kw)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.open("GET", path, query_string=query)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def post(self, path: str, status: int = 200, **body: Any) -> Any:
        answer = self.open("POST", path, json=body)
        assert answer.status_code == status, answer.text
        return answer.get_json()


@pytest.fixture
def api(app: Flask) -> Callable[..., ApiClient]:
    return lambda role="admin", sites=None: ApiClient(app, role, sites)


@pytest.fixture
def sites(app: Flask) -> TwoSites:
    return two_sites.make(app)
