"""Who may do what through the API: every operation, requested with every kind of token."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from relay.api import v1
from relay.api.v1 import access
from relay.api.v1.operations import Operation
from relay.models import ROLES, ApiToken, AuditEntry, User, db, db_now
from relay.rules.roles import includes
from relay.rules.states import UserState
from tests.api.v1.conftest import ApiClient
from tests.dashboard.conftest import Visitor
from tests.support.two_sites import TwoSites

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
BODIES = {"acknowledge_alert": {"note": "Seen."}, "add_alert_note": {"note": "Seen."}}
BODIES |= {"snooze_alert": {"until": None}}


def path_of(one: Operation, sites: TwoSites) -> str:
    """With rows of the first site, so that nothing but the token can refuse it."""
    mine = sites.mine
    path = one.path
    for part, value in {
        "<slug>": mine.slug,
        "<event_id>": mine.events[0],
        "<int:alert_id>": mine.alert,
        "<int:destination_id>": mine.destination,
        "<int:failed_delivery_id>": mine.letters[0],
        "<int:channel_id>": 1,
    }.items():
        path = path.replace(part, str(value))
    assert "<" not in path
    return path


@SQLITE
def test_every_operation_answers_each_token_as_it_declares(
    app: Flask, sites: TwoSites, api: Callable[..., ApiClient]
) -> None:
    tokens = [(role, False, api(role)) for role in ROLES]
    tokens += [(role, True, api(role, [sites.mine.slug])) for role in ("viewer", "support")]
    wrong = []
    for one in v1.operations():
        path, body = path_of(one, sites), BODIES.get(one.name, {}) if one.body else None
        for role, limited, client in tokens:
            answer = client.open(one.method, path, json=body)
            may = includes(role, one.role) and (one.limited or not limited)
            refused = answer.status_code in (401, 403)
            if (
                refused is may
                or answer.status_code >= 500
                or answer.content_type != "application/json"
            ):
                wrong.append((one.name, role, limited, answer.status_code, answer.text))
        answer = app.test_client().open(f"/api/v1{path}", method=one.method, json=body)
        if answer.status_code != 401:
            wrong.append((one.name, "", False, answer.status_code, answer.text))
    assert not wrong


@SQLITE
def test_a_limited_token_reaches_nothing_of_another_site(
    sites: TwoSites, api: Callable[..., ApiClient]
) -> None:
    client, other = api("support", [sites.mine.slug]), sites.other
    for path in ("/sites", "/events", "/failed-deliveries", "/token"):
        assert sites.other.mark not in json.dumps(client.get(path)), path
        assert other.slug not in json.dumps(client.get(path)), path
    for method, path in (
        ("GET", f"/sites/{other.slug}"),
        ("GET", f"/events/{other.events[0]}"),
        ("GET", f"/events/event-{other.mark}-0"),
        ("GET", f"/failed-deliveries/{other.letters[0]}"),
        ("POST", f"/failed-deliveries/{other.letters[0]}/resend"),
        ("POST", f"/failed-deliveries/{other.letters[0]}/discard"),
    ):
        assert client.open(method, path, json={}).status_code == 404, path


@SQLITE
def test_only_a_bearer_token_is_accepted(app: Flask, api: Callable[..., ApiClient]) -> None:
    client = api("admin")
    visitor = Visitor(app, "admin")  # signed in to the dashboard, with its cookie
    assert visitor.get("/account").status_code == 200
    token = client.token
    refused = [
        visitor.client.get("/api/v1/token"),
        visitor.client.get("/api/v1/token", query_string={"token": token, "access_token": token}),
        *(
            client.client.get("/api/v1/token", headers={"Authorization": value})
            for value in ("", "Bearer", f"Basic {token}", token, f"Bearer {token} x", "Bearer é",
                          f"Bearer {token[:-1]}", f"Bearer {token}x", "Bearer " + "a" * 5000)
        ),
    ]  # fmt: skip
    assert {answer.status_code for answer in refused} == {401}
    assert len({answer.text for answer in refused}) == 1  # the same for every reason
    assert all(answer.headers["WWW-Authenticate"].startswith("Bearer") for answer in refused)
    good = client.client.get("/api/v1/token", headers={"Authorization": f"bearer  {token}"})
    assert good.status_code == 200
    assert "Set-Cookie" not in good.headers and good.headers["Cache-Control"] == "no-store"


@SQLITE
def test_a_token_ends_with_its_time_and_with_the_rights_of_its_user(
    app: Flask, api: Callable[..., ApiClient]
) -> None:
    client = api("support")

    def change(**columns: object) -> Iterator[int]:
        """-> the status with these columns of the token or its user, then without them"""
        table = ApiToken if "expires_at" in columns or "revoked_at" in columns else User
        before = {"state": UserState.ACTIVE, "role": "support"} if table is User else {}
        wanted = table.id == (client.user_id if table is User else client.token_id)
        for values in (columns, dict.fromkeys(columns) | before):
            with app.app_context():
                db.session.execute(update(table).where(wanted).values(**values))
                db.session.commit()
            yield client.open("GET", "/token").status_code

    with app.app_context():
        past = db.session.scalar(select(db_now())) - timedelta(seconds=1)
    assert list(change(expires_at=past)) == [401, 200]
    assert list(change(revoked_at=past)) == [401, 200]
    assert list(change(state=UserState.DISABLED)) == [401, 200]
    assert list(change(role="viewer")) == [401, 200]


@SQLITE
def test_a_limit_of_its_user_limits_the_token_too(
    app: Flask, sites: TwoSites, api: Callable[..., ApiClient]
) -> None:
    from tests.support.two_sites import limit

    client = api("support")
    assert client.get("/token")["sites"] is None
    limit(app, client.email, sites.mine.source_id)
    assert client.get("/token")["sites"] == [sites.mine.slug]
    assert sites.other.mark not in client.open("GET", "/events").text
    assert client.open("GET", "/alerts").status_code == 403


@SQLITE
def test_requests_are_limited_by_token_and_without_a_token_by_address(
    app: Flask, api: Callable[..., ApiClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    from limits import RateLimitItemPerMinute

    monkeypatch.setattr(access, "PER_TOKEN", RateLimitItemPerMinute(2, 1, "test-token"))
    monkeypatch.setattr(access, "REFUSED", RateLimitItemPerMinute(2, 1, "test-refused"))
    client, other = api("viewer"), api("support")
    found = [client.open("GET", "/token").status_code for _ in range(3)]
    assert found == [200, 200, 429]
    refused = [app.test_client().get("/api/v1/token") for _ in range(3)]
    assert [answer.status_code for answer in refused] == [401, 401, 429]
    assert int(refused[-1].headers["Retry-After"]) >= 1
    assert refused[-1].get_json()["error"]["code"] == "rate_limited"
    assert other.open("GET", "/token").status_code == 200  # a valid token is not stopped by it


@SQLITE
def test_the_audit_log_names_the_user_and_the_token(
    app: Flask, sites: TwoSites, api: Callable[..., ApiClient]
) -> None:
    client = api("support")
    client.post(f"/destinations/{sites.shared}/pause", reason="Maintenance")
    with app.app_context():
        entry = db.session.scalars(
            select(AuditEntry).where(AuditEntry.action == "destination.pause")
        ).one()
    assert (entry.actor, entry.address) == (client.email, "127.0.0.1")
    assert entry.detail == {"reason": "Maintenance", "via": "API token CI support"}
