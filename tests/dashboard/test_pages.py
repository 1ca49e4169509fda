"""Rules that hold for every page: headers, no secrets, fragments; and the first steps."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable

import pytest
from flask import Flask

from relay.dashboard.headers import CONTENT_POLICY
from relay.destinations import KINDS
from relay.destinations.channel_kinds import CHANNEL_KINDS
from relay.models import Alert, AuditEntry, ErasureReceipt, db
from relay.services import event_list, events
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from relay.services.sources import settings as source_settings
from tests.dashboard.conftest import PASSWORD, Visitor
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World, move, put

ONCE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
GETS = (
    "/",
    "/sources",
    "/sources/shop",
    "/sources/shop/waiting",
    "/sources/plugin.zip",
    "/sources/new",
    "/destinations",
    "/destinations/{inbox}",
    "/destinations/{hook}",
    "/destinations/new",
    *(f"/destinations/new?kind={kind}" for kind in KINDS),
    "/destinations/{hook}/edit",
    "/destinations/{inbox}/subscriptions/1/ai",
    "/ai",
    "/destinations/{hook}/subscriptions/new",
    "/destinations/{inbox}/subscriptions/1",
    "/destinations/{inbox}/subscriptions/1/mapping",
    "/destinations/{hook}/subscriptions/2/mapping?type=comment.created",
    "/events",
    "/events?type=comment.created&source=shop&state=dead&text=doe&span=24h",
    "/events?since=2026-01-01&until=2099-01-01",
    "/events?state=nonsense&since=nonsense&after=nonsense",
    "/events/{event}",
    "/dead-letters",
    "/dead-letters?destination={hook}",
    "/dead-letters/{letter}",
    "/dead-letters/list",
    "/dead-letters/list?destination={hook}&code=http_400&field=-&type=comment.created&source=shop"
    "&state=open&text=doe&since=2026-01-01&until=2099-01-01",
    "/dead-letters/list?dead_letter=x&upto=x&since=x&until=x&state=x&after=x",
    "/dead-letters/list?state=resolved",
    "/replays",
    "/replays/new?destination={hook}",
    "/ledger",
    "/alerts",
    "/alerts?rule=failure_rate&severity=critical&subject=site:shop",
    "/alerts?rule=x&severity=x&subject=x&after=x",
    "/alerts/1",
    "/alerts/rules",
    "/alerts/rules?rule=failure_rate",
    "/destinations/{hook}/throttling",
    "/alerts/channels",
    "/alerts/channels/new",
    *(f"/alerts/channels/new?kind={kind}" for kind in CHANNEL_KINDS),
    "/alerts/channels/1/edit",
    "/audit",
    "/people",
    "/people/receipts",
    "/people/receipts/er_1",
    "/sources/shop/privacy",
    "/account/second-factor",
    "/account/second-factor/app",
    "/account/second-factor/passkeys/new",
    "/team/sign-in",
    "/team",
    "/team/invite",
    "/team/1",
    "/account",
)


@pytest.fixture
def world(app: Flask, world: World) -> World:
    """With an alert, which has the id 1."""
    with app.app_context():
        about = {"rule": "failed_delivery", "subject": f"destination:{world.hook}"}
        words = {"sentence": "A delivery to Hook failed.", "advice": "Read <why> it failed."}
        db.session.add(Alert(**about, **words, path="/dead-letters"))
        counts = {"events": 1, "attempts": 2, "dead_letters": 0, "discarded": 0, "in_flight": 0}
        db.session.add(ErasureReceipt(number="er_1", digest=b"", actor="me", counts=counts))
        db.session.commit()
    return world


@ONCE
def test_every_response_has_the_security_headers(app: Flask, world: World, admin: Visitor) -> None:
    for path in ("/", "/no-such-page", "/sign-in", f"/events/{world.event}"):
        headers = admin.get(path).headers
        assert headers["Content-Security-Policy"] == CONTENT_POLICY
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "no-store" in headers["Cache-Control"]


@ONCE
def test_no_page_shows_a_secret_or_runs_content_of_events(
    app: Flask, world: World, admin: Visitor
) -> None:
    event = comment()
    event["data"] |= {
        "author": "<script>alert(1)</script>",
        "content": '<img src=x onerror=alert(1)><a hx-get="/audit" hx-trigger="load">',
    }
    evil = put(app, world.slug, event)
    move(app, world.inbox, world.hook)
    paths = [path.format(**vars(world)) for path in GETS if not path.endswith(".zip")]
    for path in [*paths, f"/events/{evil}"]:
        answer = admin.get(path)
        page = answer.text
        assert answer.status_code == 200, path
        assert world.secret not in page and "very-secret-token-1" not in page, path
        assert "<script>alert" not in page and "<img src=x" not in page, path
        assert not re.search(r"<a hx-get=\"/audit\"", page), path
        assert "style=" not in page, path


@ONCE
def test_htmx_gets_fragments_and_a_history_restore_gets_the_page(
    app: Flask, world: World, admin: Visitor
) -> None:
    for path, root in (
        ("/", "live"),
        ("/sources", "sources"),
        ("/destinations", "destinations"),
        ("/events", "events"),
        (f"/events/{world.event}", "story"),
        ("/dead-letters", "dead-letters"),
        ("/dead-letters/list", "dead-letter-table"),
        ("/alerts", "open-alerts"),
        ("/alerts/1", "alert"),
        ("/alerts/rules", "rules"),
        (f"/dead-letters/{world.letter}", f"dead-letter-{world.letter}"),
        ("/audit", "audit"),
        ("/alerts/channels", "alert-channels"),
        ("/sources/shop/waiting", "waiting"),
        (f"/destinations/{world.hook}", "recent"),
    ):
        part = admin.get(path, headers={"HX-Request": "true"})
        assert re.match(
            rf"\s*<\w+ (class=\"[^\"]*\" )?id=\"{root}\"|\s*<\w+ id=\"{root}\"", part.text
        ), path
        assert "HX-Request" in part.headers["Vary"]
        restored = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
        assert "<html" in admin.get(path, headers=restored).text, path


@ONCE
def test_the_first_run_link_creates_the_first_admin_once(app: Flask) -> None:
    from relay.services.users import accounts as user_accounts

    visitor = Visitor(app)
    assert "There are no users yet" in visitor.get("/sign-in").text
    with app.app_context():
        token = user_accounts.make_first_run_token()
    page = visitor.get(f"/first-run/{token}").text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    form = {"csrf_token": found[1], "email": "Ada@Example.com", "password": "password1234"}
    weak = visitor.client.post(f"/first-run/{token}", data=form)
    assert weak.status_code == 422 and "easy to guess" in weak.text
    good = visitor.client.post(f"/first-run/{token}", data={**form, "password": PASSWORD})
    assert (good.status_code, good.location) == (303, "/sources/new")
    assert Visitor(app).get(f"/first-run/{token}").status_code == 404
    with app.app_context():
        assert user_accounts.list_users()[0].email == "ada@example.com"
        assert user_accounts.list_users()[0].password_hash.startswith("$argon2id$")
        assert user_accounts.make_first_run_token() is None


@ONCE
def test_wrong_passwords_are_limited_and_do_not_reveal_which_accounts_exist(
    app: Flask, visit: Callable[..., Visitor]
) -> None:
    visit("viewer")
    visitor = Visitor(app)
    known = visitor.sign_in("viewer@example.com", "wrong")
    unknown = visitor.sign_in("nobody@example.com", "wrong")
    assert known.status_code == unknown.status_code == 422
    strip = re.compile(r'value="[^"]*"|"X-CSRFToken": "[^"]*"')
    assert strip.sub("", known.text) == strip.sub("", unknown.text)
    statuses = [visitor.sign_in("viewer@example.com", "wrong").status_code for _ in range(10)]
    assert statuses[-1] == 429


@ONCE
@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "/\\evil",
        "https:evil",
        "https://evil.example/",
        "/%09/evil",
        "javascript:alert(1)",
    ],
)
def test_sign_in_never_redirects_to_another_site(
    app: Flask, visit: Callable[..., Visitor], target: str
) -> None:
    visit("viewer")
    answer = Visitor(app).sign_in("viewer@example.com", next=target)
    assert (answer.status_code, answer.location) == (303, "/")


@ONCE
def test_a_sites_secret_is_shown_once(app: Flask, admin: Visitor) -> None:
    made = admin.post(
        "/sources/new",
        {"name": "My shop", "url": "https://shop.example.com"},
        follow_redirects=True,
    )
    found = re.search(r'id="secret" value="([\w-]{43})"', made.text)
    assert made.status_code == 200 and found
    assert "/webhooks/wp/my-shop" in made.text
    assert found[1] not in admin.get("/sources/my-shop").text
    waiting = {"HX-Request": "true"}
    assert (
        "Waiting for your first event"
        in admin.get("/sources/my-shop/waiting", headers=waiting).text
    )
    put(app, "my-shop", comment())
    green = admin.get("/sources/my-shop/waiting", headers=waiting).text
    assert "Your first event has arrived" in green and "hx-trigger" not in green


@ONCE
def test_an_invalid_form_keeps_the_entered_values(app: Flask, admin: Visitor) -> None:
    answer = admin.post("/sources/new", {"name": "My shop", "url": "no address"})
    assert answer.status_code == 422
    assert 'value="no address"' in answer.text and "as in a browser" in answer.text
    answer = admin.post(
        "/destinations/new?kind=webhook", {"name": "H", "url": "http://10.0.0.1/", "auth": "none"}
    )
    assert answer.status_code == 422
    assert "blocked address" in answer.text and "Select at least one" not in answer.text


@ONCE
def test_an_invalid_message_template_is_refused(app: Flask, admin: Visitor) -> None:
    form = {
        "name": "S",
        "webhook_url": "https://hooks.slack.com/services/T0/B0/abcdefgh",
        "text": "{% if %}",
    }
    answer = admin.post("/destinations/new?kind=slack", form)
    assert answer.status_code == 422
    assert "has an error" in answer.text


@ONCE
def test_keys_are_rotated_with_a_window_and_revoked(
    app: Flask, world: World, admin: Visitor
) -> None:
    page = admin.post("/sources/shop/rotate", {"window": "7d"}, follow_redirects=True).text
    assert re.search(r'id="new-secret" value="[\w-]{43}"', page)
    assert "Expiring" in page
    admin.post("/sources/shop/revoke", {"key_id": world.key_id})
    assert "Revoked" in admin.get("/sources/shop").text


@ONCE
def test_allowed_addresses_are_added_and_removed(app: Flask, world: World, admin: Visitor) -> None:
    assert "not" not in admin.post("/sources/shop/allow", {"cidr": "203.0.113.0/24"}).location
    assert "203.0.113.0/24" in admin.get("/sources/shop").text
    assert admin.post("/sources/shop/allow", {"cidr": "nonsense"}).status_code == 422
    admin.post("/sources/shop/disallow", {"cidr": "203.0.113.0/24"})
    assert "203.0.113.0/24</code>" not in admin.get("/sources/shop").text


@ONCE
def test_a_destination_is_created_tested_edited_paused_and_resumed(
    app: Flask, sink: Sink, admin: Visitor
) -> None:
    form = {
        "name": "My hook",
        "url": f"{sink.url}/mine",
        "auth": "bearer",
        "token": "first-token-123456",
        "which": "some",
        "event_types": ["order.created"],
        "more_types": "x.*",
    }
    made = admin.post("/destinations/new?kind=webhook", form)
    assert made.status_code == 303, made.text
    here = made.location.partition("?")[0]
    page = admin.get(made.location).text
    assert "••••3456" in page and "first-token-123456" not in page
    assert "When an order is placed or a custom event arrives, send it to My hook." in page
    tried = admin.post(f"{here}/test", {"type": "order.created"})
    assert "Test succeeded." in tried.text and "first-token-123456" not in tried.text
    assert sink.requests[-1].json()["test"] is True
    sink.answer(503, b"busy")
    assert "Test failed." in admin.post(f"{here}/test", {"type": "order.created"}).text
    admin.post(f"{here}/edit", {**form, "token": "", "name": "Our hook"})
    sink.answer(200)
    admin.post(f"{here}/test", {"type": "order.created"})
    assert sink.requests[-1].headers["authorization"] == "Bearer first-token-123456"
    admin.post(f"{here}/pause", {})
    assert "is paused" in admin.get("/").text
    admin.post(f"{here}/resume", {})
    assert "Resume" not in admin.get(made.location).text


@ONCE
def test_a_second_click_on_resend_sends_nothing(
    app: Flask, sink: Sink, world: World, visit: Callable[..., Visitor]
) -> None:
    support = visit("support")
    sink.answer(200, path="/hook")
    sink.forget()
    fragment = {"HX-Request": "true"}
    first = support.post(f"/dead-letters/{world.letter}/replay", headers=fragment)
    assert first.status_code == 200 and "hx-trigger" in first.text
    second = support.post(f"/dead-letters/{world.letter}/replay", headers=fragment)
    assert second.status_code == 409 and "is already resolved" in second.text
    move(app, world.hook)
    assert len(sink.requests) == 1
    settled = support.get(f"/dead-letters/{world.letter}", headers=fragment).text
    assert "Delivered" in settled and "hx-trigger" not in settled
    with app.app_context():
        trail = [entry.action for entry in db.session.query(AuditEntry)]
    assert trail.count("dead_letter.replay") == 1


@ONCE
def test_without_a_script_discarding_leads_back_to_the_list(
    app: Flask, world: World, admin: Visitor
) -> None:
    answer = admin.post(f"/dead-letters/{world.letter}/discard")
    assert (answer.status_code, answer.location) == (303, "/dead-letters")
    assert "No failed deliveries" in admin.get("/dead-letters").text


@ONCE
def test_events_are_filtered_by_type_site_state_time_and_text(
    app: Flask, world: World, admin: Visitor
) -> None:
    other = comment()
    other["data"] |= {"author": "Ärmel & Söhne 100%_"}
    put(app, world.slug, other)
    for query, count in (
        ("", 2),
        ("type=comment.created", 2),
        ("type=order.created", 0),
        ("source=shop", 2),
        ("source=other", 0),
        ("state=dead", 1),
        ("state=received", 1),
        ("text=ärmel", 1),
        ("text=100%25_", 1),
        ("text=1%25%25%25", 0),
        (f"text={other['event_id']}", 1),
        ("span=1h", 2),
        ("until=2000-01-01", 0),
    ):
        page = admin.get(f"/events?{query}").text
        assert len(re.findall(r'<a href="/events/\d+" id="event-', page)) == count, query


@ONCE
def test_the_plugin_zip_is_reproducible(app: Flask, admin: Visitor) -> None:
    first, second = admin.get("/sources/plugin.zip").data, admin.get("/sources/plugin.zip").data
    assert first == second
    names = zipfile.ZipFile(io.BytesIO(first)).namelist()
    assert "relay-connector/relay-connector.php" in names
    assert all(name.startswith("relay-connector/") for name in names)


def test_an_unavailable_database_gives_a_503_page(
    app: Flask, visit: Callable[..., Visitor]
) -> None:
    person = visit("viewer")
    from sqlalchemy.exc import OperationalError

    def fail() -> None:
        raise OperationalError("SELECT 1", {}, Exception("connection refused"))

    app.view_functions["overview.page"] = fail
    answer = person.get("/")
    assert answer.status_code == 503
    assert "The database is unavailable" in answer.text


def test_the_state_of_an_event_is_the_same_in_sql_and_in_python(app: Flask, world: World) -> None:
    with app.app_context():
        destination_settings.pause(world.inbox, COMMAND_LINE)
        source_settings.list_sources()
    put(app, world.slug, comment())
    with app.app_context():
        for state in events.STATES:
            for event in event_list.list_events(events.EventFilter(state=state)).items:
                assert events.state_of(event) == state
        assert (
            sum(event_list.list_events(events.EventFilter(state=s)).total for s in events.STATES)
            == 2
        )
