"""The pages of the alert channels."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from relay.models import AlertChannel, db
from tests.dashboard.conftest import Visitor, text_of
from tests.support.sink import Sink

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LIST = "/alerts/channels"
FRAGMENT = {"HX-Request": "true"}


def form(sink: Sink, **more: object) -> dict[str, object]:
    return {
        "name": "Hook",
        "url": f"{sink.url}/in",
        "auth": "bearer",
        "token": "very-secret-token-1",
        "severity": "warning",
        "timezone": "Europe/Vienna",
        **more,
    }


def names(app: Flask) -> list[str]:
    with app.app_context():
        return [one.name for one in db.session.query(AlertChannel).order_by(AlertChannel.position)]


def test_without_a_channel_an_admin_sees_four_cards_and_others_are_told_whom_to_ask(
    app: Flask, admin: Visitor, visit: Callable[..., Visitor]
) -> None:
    page = admin.get(LIST).text
    assert re.findall(r'href="/alerts/channels/new\?kind=(\w+)"', page) == [
        *("email", "slack", "ntfy", "webhook")
    ]
    viewer = visit("viewer").get(LIST).text
    assert "kind=" not in viewer and "Ask an admin to add" in viewer


@pytest.mark.parametrize("kind", ["email", "slack", "ntfy", "webhook"])
def test_a_form_has_no_settings_about_events(app: Flask, admin: Visitor, kind: str) -> None:
    page = admin.get(f"{LIST}/new?kind={kind}").text
    assert "{{" not in text_of(page) and "each event" not in text_of(page)
    inputs = set(re.findall(r'name="([a-z_]+)"', page))
    hidden = set(re.findall(r'data-shown-if="([a-z_]+)"', page))
    assert hidden <= inputs, "a field is hidden by a setting that is not in the form"
    assert {"name", "severity", "quiet_from", "quiet_until", "timezone", "rules"} <= inputs


def test_a_channel_is_added_tested_changed_and_removed(
    app: Flask, admin: Visitor, sink: Sink
) -> None:
    times = {"quiet_from": "22:00", "quiet_until": "07:00"}
    rules = {"rules": ["disk_space", "backup_age"]}
    made = admin.post(f"{LIST}/new?kind=webhook", form(sink, **times, **rules))
    assert (made.status_code, made.location) == (303, LIST)
    said = text_of(admin.get(LIST).text)
    assert "Warnings and critical alerts, only about: Disk nearly full, Backup too old" in said
    assert "22:00 to 07:00 (Europe/Vienna)" in said
    tried = admin.post(f"{LIST}/1/test")
    assert "The test was sent." in tried.text and "<html" in tried.text
    assert sink.requests[0].headers["authorization"] == "Bearer very-secret-token-1"
    sink.answer(404, b"no")
    part = admin.post(f"{LIST}/1/test", headers=FRAGMENT).text
    assert (
        "The test failed." in part
        and "404 Not Found" in part
        and "destination" not in part
        and "<html" not in part
    )
    changed = form(sink, name="New", token="", severity="critical", rules=[])
    assert admin.post(f"{LIST}/1/edit", changed).status_code == 303
    said = text_of(admin.get(LIST).text)
    assert "New" in said and "Gets Critical alerts" in said and "22:00" not in said
    sink.answer(200)
    admin.post(f"{LIST}/1/test")
    assert sink.requests[-1].headers["authorization"] == "Bearer very-secret-token-1"
    admin.post(f"{LIST}/1/disable")
    assert "Turned off" in admin.get(LIST).text
    assert admin.post(f"{LIST}/1/disable").status_code == 409
    admin.post(f"{LIST}/1/enable")
    assert "Turned on" in admin.get(LIST).text
    assert admin.post(f"{LIST}/1/remove").status_code == 303
    assert names(app) == [] and admin.get(f"{LIST}/1/edit").status_code == 404


def test_the_order_is_changed_with_up_and_down(app: Flask, admin: Visitor, sink: Sink) -> None:
    for name in ("A", "B", "C"):
        admin.post(f"{LIST}/new?kind=webhook", form(sink, name=name))
    page = admin.get(LIST).text
    assert (page.count("Up</button>"), page.count("Down</button>")) == (2, 2)
    admin.post(f"{LIST}/3/move", {"position": "1"})
    assert names(app) == ["C", "A", "B"]
    assert admin.post(f"{LIST}/3/move", {"position": "first"}).status_code == 422


def test_the_secret_of_a_webhook_is_shown_once(app: Flask, admin: Visitor, sink: Sink) -> None:
    values = form(sink, auth="signature", token="")
    made = admin.post(f"{LIST}/new?kind=webhook", values)
    found = re.search(r'id="secret" value="(whsec_[\w+/=]{44})"', made.text)
    assert made.status_code == 200 and found
    for path in (LIST, f"{LIST}/1/edit"):
        assert found[1] not in admin.get(path).text


def test_a_wrong_form_keeps_the_values_but_no_secret(
    app: Flask, admin: Visitor, sink: Sink
) -> None:
    answer = admin.post(
        f"{LIST}/new?kind=webhook", form(sink, timezone="Vienna", rules=["disk_space"])
    )
    assert answer.status_code == 422 and names(app) == []
    assert "Enter a time zone such as Europe/Vienna." in answer.text
    assert "very-secret-token-1" not in answer.text and "enter it again" in answer.text
    assert re.search(r'value="disk_space" checked', answer.text)


def test_a_topic_that_no_one_can_guess_is_suggested_and_not_shown_to_viewers(
    app: Flask, admin: Visitor, visit: Callable[..., Visitor]
) -> None:
    first, second = (
        re.search(r'value="(shop-[0-9a-f]{16})"', admin.get(f"{LIST}/new?kind=ntfy").text)
        for _ in range(2)
    )
    assert first and second and first[1] != second[1]
    admin.post(
        f"{LIST}/new?kind=ntfy", {"name": "Phone", "topic": first[1], "server": "https://ntfy.sh"}
    )
    page = visit("viewer").get(LIST).text
    assert "Phone, through ntfy.sh" in page and first[1] not in page


def test_a_failed_channel_is_marked_and_one_channel_alone_is_warned_about(
    app: Flask, admin: Visitor, sink: Sink
) -> None:
    admin.post(f"{LIST}/new?kind=webhook", form(sink, name="<script>alert(1)</script>"))
    with app.app_context():
        channel = db.session.get(AlertChannel, 1)
        assert channel is not None
        channel.failed_at, channel.last_error = channel.created_at, "It is <b>down</b>."
        db.session.commit()
    page = admin.get(LIST).text
    assert "Does not work" in page and "It is &lt;b&gt;down" in page and "<script>alert" not in page
    assert "There is only one channel." in page
    admin.post(f"{LIST}/new?kind=webhook", form(sink, name="Second"))
    assert "There is only one channel." not in admin.get(LIST).text
