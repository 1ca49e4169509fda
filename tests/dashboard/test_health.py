"""The health page: who sees it, what it shows, and that it does not hang."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from relay.launcher.valkey import Valkey
from relay.services.operations import doctor
from tests.dashboard.conftest import Visitor, text_of

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@SQLITE
def test_support_and_admins_see_it(visit: Callable[..., Visitor]) -> None:
    for role, status in (("viewer", 403), ("support", 200), ("admin", 200)):
        person = visit(role)
        assert person.get("/health").status_code == status
        assert ('href="/health"' in person.get("/").text) is (status == 200)


def test_it_shows_each_finding_and_what_to_do_by_group(
    admin: Visitor, data_dir: Path, valkey: Valkey
) -> None:
    (data_dir / "secrets.env").touch(mode=0o644)
    valkey.stop()
    page = admin.get("/health").text
    text = text_of(page)
    assert "2 checks fail." in text
    assert "The broker (REDIS_URL) does not answer" in text and "Start the broker" in text
    assert f"chmod 600 {data_dir / 'secrets.env'}" in text
    for heading in ("Database", "Broker and processes", "Destinations", "Files and disk"):
        assert f'<h2 class="card-title">{heading}</h2>' in page
    assert "Version Relay 1.2.0, Python " in text and "none by Relay" in text
    fragment = admin.get("/health", headers={"HX-Request": "true"}).text
    assert fragment.lstrip().startswith('<div id="health"')


@SQLITE
def test_it_answers_in_time_though_a_server_never_does(app: Flask, admin: Visitor) -> None:
    from dataclasses import replace

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        app.extensions["relay_config"] = replace(
            app.extensions["relay_config"], public_url=url, clock_url=url
        )
        began = time.monotonic()
        page = text_of(admin.get("/health").text)
        assert time.monotonic() - began < 8
    assert f"{url} does not answer" in page or "did not finish within 5 s" in page


@SQLITE
def test_it_leads_to_the_page_where_a_person_can_mend_it(
    app: Flask, visit: Callable[..., Visitor]
) -> None:
    with app.app_context():
        do = next(
            one.do for one in doctor.diagnose(is_offline=True) if one.check == "alert channels"
        )
    page = visit("admin").get("/health").text
    assert "flask alerts channels" in do and "flask alerts channels" not in page
    assert '<a href="/alerts/channels/new">Add an alert channel.</a>' in page
    other = visit("support").get("/health").text
    assert "Add an alert channel." in other and "/alerts/channels/new" not in other
