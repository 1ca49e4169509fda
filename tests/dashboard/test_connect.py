"""“Allow this site?”: from the plugin's link to the key, as a browser and the site's server see it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Flask

from relay.api import connect as connect_api
from relay.models import ConnectGrant, db
from relay.services.audit import COMMAND_LINE
from relay.services.sources import connect
from relay.services.sources import settings as source_settings
from tests.dashboard.conftest import Visitor
from tests.ingest.conftest import Sender
from tests.services.sources.test_connect import SITE, VALUES, VERIFIER

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LINK = f"/connect?{urlencode(VALUES)}"


def back_in(page: str) -> dict[str, list[str]]:
    """The parameters of the address that the page leads back to."""
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page)
    assert found, page
    url = html.unescape(found[1])
    assert url.startswith(VALUES["return"] + "&")
    return parse_qs(urlsplit(url).query)


def exchange(app: Flask, **values: str):  # type: ignore[no-untyped-def]
    body = {"verifier": VERIFIER, "site": SITE, **values}
    return app.test_client().post("/connect/token", json=body)


def test_an_admin_allows_a_site_and_the_site_gets_its_key(app: Flask, admin: Visitor) -> None:
    page = admin.get(LINK)
    assert page.status_code == 200 and "shop.example.com" in page.text
    returned = admin.post("/connect", VALUES | {"source": "", "new_name": "My shop"})
    values = back_in(returned.text)
    assert values["relay_state"] == [VALUES["state"]] and values["page"] == ["relay-connector"]
    code = values["relay_code"][0]
    assert "no-store" in returned.headers["Cache-Control"]
    answer = exchange(app, code=code)
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    assert set(answer.json) == {"endpoint", "key_id", "secret", "source", "name"}
    assert answer.json["endpoint"] == "http://localhost/webhooks/wp/my-shop"
    assert answer.json["name"] == "My shop"
    assert exchange(app, code=code).json["error"] == "invalid_code"
    audit = admin.get("/audit").text
    assert "Allowed a site to connect" in audit and "Gave a site its key" in audit
    assert answer.json["secret"] not in audit


def test_the_key_is_known_everywhere_when_the_site_gets_it(app: Flask, admin: Visitor) -> None:
    """A 401 for the first event would pause the site for an hour."""
    other = Sender(app, "other", "key_1", "x" * 40)
    assert other.send().status_code == 401  # from now on, keys are read once a second
    code = back_in(admin.post("/connect", VALUES | {"source": ""}).text)["relay_code"][0]
    made = exchange(app, code=code).json
    sender = Sender(app, made["source"], made["key_id"], made["secret"])
    assert sender.send(headers={"X-WP-Key-Id": made["key_id"]}).status_code == 202
    app.extensions["relay_ingest"].close()


def test_only_the_same_address_is_selected_on_a_host_with_several_sites(
    app: Flask, admin: Visitor
) -> None:
    with app.app_context():
        source_settings.create_source("Blog", "https://shop.example.com/blog", COMMAND_LINE)
    options = re.findall(r'<option value="([^"]*)"( selected)?', admin.get(LINK).text)
    assert options == [("blog", ""), ("", " selected")]
    with app.app_context():
        source_settings.create_source("Shop", f"{SITE}/", COMMAND_LINE)
    options = re.findall(r'<option value="([^"]*)"( selected)?', admin.get(LINK).text)
    assert options == [("blog", ""), ("shop", " selected"), ("", "")]


def test_a_person_who_does_not_allow_it_returns_without_a_code(app: Flask, admin: Visitor) -> None:
    values = back_in(admin.post("/connect/deny", VALUES).text)
    assert values["relay_error"] == ["access_denied"] and "relay_code" not in values
    with app.app_context():
        assert db.session.query(ConnectGrant).count() == 0


def test_signing_in_first_leads_back_to_the_question(app: Flask, admin: Visitor) -> None:
    visitor = Visitor(app)
    visitor.email = admin.email
    first = visitor.get(LINK)
    assert first.status_code == 303
    page = visitor.get(first.headers["Location"]).text
    found = re.search(r'name="next" value="([^"]+)"', page)
    assert found
    signed_in = visitor.sign_in(admin.email, next=html.unescape(found[1]))
    assert signed_in.headers["Location"] == LINK


@pytest.mark.parametrize("role", ["support", "viewer"])
def test_only_admins_may_allow_it(visit: Callable[..., Visitor], role: str) -> None:
    visitor = visit(role)
    assert visitor.get(LINK).status_code == 403
    assert visitor.post("/connect", VALUES).status_code == 403


def test_no_other_website_can_allow_it(app: Flask, admin: Visitor) -> None:
    assert admin.client.post("/connect", data=VALUES).status_code == 403, "no form token"
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert admin.post("/connect", VALUES, headers=foreign).status_code == 403
    with app.app_context():
        assert db.session.query(ConnectGrant).count() == 0


@pytest.mark.parametrize("back", ["https://evil.example.com/", "javascript:alert(1)"])
def test_an_address_on_another_site_is_never_opened(admin: Visitor, back: str) -> None:
    wrong = VALUES | {"return": back}
    for answer in (
        admin.get(f"/connect?{urlencode(wrong)}"),
        admin.post("/connect", wrong),
        admin.post("/connect/deny", wrong),
    ):
        assert answer.status_code == 400
        assert "Location" not in answer.headers and 'http-equiv="refresh"' not in answer.text


def test_bad_exchanges_are_refused_and_limited(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    client = app.test_client()
    assert client.get("/connect/token").status_code == 405
    assert client.post("/connect/token", data="{}").status_code == 415
    assert client.post("/connect/token", json=[]).status_code == 400
    assert client.post("/connect/token", json={"code": "x" * 5000}).status_code == 413
    assert exchange(app, code="c", verifier="short").json["error"] == "invalid_request"
    assert exchange(app, code="\ud800").json["error"] == "invalid_request"
    far = {"REMOTE_ADDR": "203.0.113.9"}
    insecure = client.post("/connect/token", json={"code": "c"}, environ_overrides=far)
    assert insecure.status_code == 426
    monkeypatch.setattr(
        connect_api.COUNTS.storage, "storage", type(connect_api.COUNTS.storage.storage)()
    )
    answers = [exchange(app, code="c" * 43).status_code for _ in range(21)]
    assert answers == [400] * 20 + [429]
    assert connect.REFUSED in exchange_detail(app, monkeypatch)


def exchange_detail(app: Flask, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the sender reads, from an address that is not limited."""
    body = {"code": "c" * 43, "verifier": VERIFIER, "site": SITE}
    other = {"REMOTE_ADDR": "127.0.0.2"}
    return str(app.test_client().post("/connect/token", json=body, environ_overrides=other).json)
