"""Every route, requested by every kind of person.

The routes come from the URL map and the expected answers from what the view declares, so a new route
takes part at once.  A route without a role fails, unless it is listed in ``NOT_DASHBOARD``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask, url_for
from sqlalchemy import update
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from relay.api import v1
from relay.models import ROLES, User, db
from tests.dashboard.conftest import PASSWORD, Visitor
from tests.support import two_sites
from tests.support.two_sites import TwoSites

# the routes that machines call, and how each protects itself
NOT_DASHBOARD = {
    "static": "files of the pages",
    "api.healthz": "says that the process runs",
    "api.readyz": "says whether an event could be stored",
    "api.show_metrics": "asks for a token, or allows this host only",
    "api.openapi_page": "the same document for everyone",
    "ingest.post_event": "the signature of the site",
    "ingest.post_key_request": "a signature with a key that is valid, or a code",
    "ingest.post_webhook": "a signature or a token of the site",
    "connect_token.exchange": "a one-time code and what its challenge was made of",
    "ingest.refuse_path": "refuses everything",
    "api_v1.no_such_path": "says that there is no such path",
} | {f"api_v1.{one.name}": "an API token, see tests/api/v1" for one in v1.operations()}
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Case:
    """A kind of person: ``sites`` is None for all of them, or says that they see the first one."""

    name: str
    role: str = ""
    limited: bool = False
    disabled: bool = False

    def expects(self, view: Any) -> str:
        """``in``, ``sign in`` or ``no``, by what the view declares."""
        if view.relay_role == "public":
            return "in"
        if not self.role or self.disabled:
            return "sign in"
        if self.limited and not view.relay_limited:
            return "no"
        rank = ROLES.index("support" if self.limited and self.role == "admin" else self.role)
        return "in" if rank >= ROLES.index(view.relay_role) else "no"


PEOPLE = (
    *(Case(role, role) for role in ROLES),
    *(Case(f"limited {role}", role, limited=True) for role in ROLES),
    Case("disabled", "admin", disabled=True),
    Case("anonymous"),
)


def routes(app: Flask) -> Iterator[tuple[Rule, str]]:
    """-> (rule, method) of each route of the dashboard, without the answers that Flask makes itself"""
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in NOT_DASHBOARD:
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield rule, method


def address_of(app: Flask, rule: Rule, sites: TwoSites) -> str:
    """With rows of the first site, so that nothing but the guard can refuse it."""
    mine = sites.mine
    values: dict[str, Any] = {
        "slug": mine.slug,
        "event_id": mine.events[0],
        "dead_letter_id": mine.letters[0],
        "destination_id": mine.destination,
        "subscription_id": mine.subscription,
        "replay_id": mine.replay,
        "alert_id": mine.alert,
        "session_id": 99,  # these two are not among those that the test uses
        "user_id": 99,
    }
    fitting = {name: values.get(name, 1) for name in rule.arguments}
    for name in rule.arguments:
        if name not in values and "UnicodeConverter" in type(rule._converters[name]).__name__:
            fitting[name] = "none"
        if "AnyConverter" in type(rule._converters[name]).__name__:
            fitting[name] = next(iter(rule._converters[name].items))  # type: ignore[attr-defined]
    with app.test_request_context():
        return url_for(rule.endpoint, **fitting)


def kind_of(answer: TestResponse) -> str:
    """What the guard did: ``sign in``, ``no``, ``in``."""
    if answer.status_code in (303, 401):
        to = answer.headers.get("Location") or answer.headers.get("HX-Redirect", "")
        if to.partition("?")[0] == "/sign-in":
            return "sign in"
    refused = answer.status_code == 403 and (
        "Ask an admin for access" in answer.text or "needs the role" in answer.text
    )
    return "no" if refused else "in"


@pytest.fixture
def sites(app: Flask) -> TwoSites:
    return two_sites.make(app)


@dataclass(frozen=True)
class MatrixVisitor:
    """Sends each request with the cookie of its first session, also after that has ended."""

    visitor: Visitor
    token: str
    cookie: str

    def open(self, address: str, method: str) -> TestResponse:
        self.visitor.client.set_cookie("relay", self.cookie)
        form = {"csrf_token": self.token} if method in UNSAFE else None
        return self.visitor.client.open(address, method=method, data=form)


def visitors(app: Flask, sites: TwoSites) -> dict[Case, MatrixVisitor]:
    found = {}
    for case in PEOPLE:
        visitor = Visitor(app)
        if case.role:
            visitor.email = f"{case.name.replace(' ', '-')}@example.com"
            two_sites.create_person(app, visitor.email, PASSWORD, case.role)
            if case.limited:
                two_sites.limit(app, visitor.email, sites.mine.source_id)
            assert visitor.sign_in().status_code == 303
        token, cookie = visitor.token(), visitor.client.get_cookie("relay")
        assert cookie is not None
        found[case] = MatrixVisitor(visitor, token, cookie.value)
    with app.app_context():
        disabled = update(User).where(User.email == "disabled@example.com")
        db.session.execute(disabled.values(state="disabled"))
        db.session.commit()
    return found


def test_every_route_declares_a_role(app: Flask) -> None:
    found = {rule.endpoint for rule in app.url_map.iter_rules()}
    missing = {
        endpoint
        for endpoint in found - NOT_DASHBOARD.keys()
        if getattr(app.view_functions[endpoint], "relay_role", "") not in ("public", *ROLES)
    }
    assert not missing, "a view needs @guard.requires, @guard.public or a line in NOT_DASHBOARD"
    assert NOT_DASHBOARD.keys() <= found


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_route_answers_each_person_as_its_view_declares(app: Flask, sites: TwoSites) -> None:
    people = visitors(app, sites)
    last = ["auth.sign_out"]  # it ends the sessions
    wrong = []
    for rule, method in sorted(routes(app), key=lambda one: (one[0].endpoint in last, str(one))):
        view, address = app.view_functions[rule.endpoint], address_of(app, rule, sites)
        for case, person in people.items():
            if view.relay_role == "public" and case.role:
                continue  # it asks no one who they are
            answer = person.open(address, method)
            expected, found = case.expects(view), kind_of(answer)
            # a public page may lead to sign-in: without a first step there is no second one
            may_lead = view.relay_role == "public" or rule.endpoint in last
            is_right = found == expected or (may_lead and found == "sign in")
            if not is_right or answer.status_code >= 500:
                wrong.append((case.name, method, address, expected, found, answer.status_code))
    assert not wrong


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_form_is_accepted_without_a_token_or_from_another_site(
    app: Flask, sites: TwoSites
) -> None:
    admin = Visitor(app, "admin")
    token = admin.token()
    before = two_sites.rows_of_all_tables(app)
    for rule, method in routes(app):
        if method in UNSAFE:
            address, form = address_of(app, rule, sites), {"csrf_token": token}
            for data, headers in (
                ({}, {}),
                (form, {"Origin": "https://evil.example"}),
                (form, {"Sec-Fetch-Site": "cross-site"}),
            ):
                answer = admin.client.open(address, method=method, data=data, headers=headers)
                assert answer.status_code == 403, (method, address, headers)
    assert two_sites.rows_of_all_tables(app) == before
