"""Failed deliveries: people resend, discard, assign and export them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable

import pytest
from flask import Flask

from relay.models import DeadLetter, Delivery, db
from relay.services import audit
from relay.services.dead_letters import causes
from tests.dashboard.conftest import PASSWORD, Visitor, text_of
from tests.dashboard.test_guard import age
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World, move, put

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FRAGMENT = {"HX-Request": "true"}


def test_the_list_shows_event_destination_and_error_and_no_actions_to_viewers(
    app: Flask, world: World, visit: Callable[..., Visitor]
) -> None:
    viewer, support = visit("viewer"), visit("support")
    page = viewer.get("/dead-letters/list").text
    assert "New comment" in page and ">Hook</bdi></a>" in page and "responded 400" in page
    assert (
        "Resend" not in page.replace("Resends", "")
        and '/replay"' not in page
        and "/discard" not in page
    )
    assert 'form="bulk-actions"' not in page
    page = support.get("/dead-letters/list").text
    assert "Resend" in page and "Relay stops sending this delivery." in page


def test_the_page_says_when_there_are_more_causes_than_it_shows(
    app: Flask, world: World, admin: Visitor
) -> None:
    assert "most recent causes" not in admin.get("/dead-letters").text
    for _ in range(causes.MOST):
        put(app, world.slug, comment())
    move(app, world.hook)
    with app.app_context():
        for dead_letter in db.session.query(DeadLetter):
            dead_letter.field = f"field {dead_letter.id}"
        db.session.commit()
    page = admin.get("/dead-letters").text
    assert f"Relay shows the {causes.MOST} most recent causes." in text_of(page)
    assert f"seen={causes.MOST + 1}" in page


def test_the_destination_filter_takes_an_id_or_a_name_and_ignores_invalid_values(
    app: Flask, world: World, admin: Visitor
) -> None:
    row = f'id="dead-letter-{world.letter}"'
    for value, found in (
        (world.hook, True),
        ("Hook", True),
        (world.inbox, False),
        ("²", False),
        ("9" * 100, False),
        ("<script>", False),
    ):
        answer = admin.get("/dead-letters/list", query_string={"destination": value})
        assert answer.status_code == 200 and (row in answer.text) is found, value
    for odd in ("9999-12-31", "0001-01-01T00:00:00+14:00", "never"):
        answer = admin.get("/dead-letters/list", query_string={"until": odd})
        assert answer.status_code in (200, 422), odd
    empty = admin.get(f"/dead-letters?destination={world.inbox}", headers=FRAGMENT).text
    assert "This destination has no failed deliveries." in empty and "<html" not in empty


def test_a_row_polls_until_its_replay_is_settled(
    app: Flask, sink: Sink, world: World, visit: Callable[..., Visitor]
) -> None:
    support = visit("support")
    row = f"/dead-letters/{world.letter}"
    sink.answer(503, b"busy", path="/hook")
    assert 'hx-trigger="every 1s"' in support.post(f"{row}/replay", headers=FRAGMENT).text
    move(app, world.hook)
    waiting = support.get(row, headers=FRAGMENT).text
    assert "next attempt" in waiting and 'hx-trigger="every 5s"' in waiting
    sink.answer(200, path="/hook")
    with app.app_context():
        delivery = db.session.query(Delivery).filter_by(state="pending").one()
        delivery.due_at = delivery.created_at
        db.session.commit()
    move(app, world.hook)
    settled = support.get(row, headers=FRAGMENT).text
    assert "Delivered" in settled and "hx-trigger" not in settled and "Resend" not in settled


def test_a_replay_that_fails_again_links_to_the_attempts(
    app: Flask, world: World, admin: Visitor
) -> None:
    admin.post(f"/dead-letters/{world.letter}/replay", headers=FRAGMENT)
    move(app, world.hook)
    row = admin.get(f"/dead-letters/{world.letter}", headers=FRAGMENT).text
    assert f'href="/events/{world.event}">It failed again: view attempts</a>' in row
    assert "hx-trigger" not in row
    assert "Attempt 2" in admin.get(f"/events/{world.event}").text


def test_a_discarded_delivery_is_shown_as_discarded_at_once(
    app: Flask, world: World, admin: Visitor
) -> None:
    row = admin.post(f"/dead-letters/{world.letter}/discard", headers=FRAGMENT).text
    assert "Discarded" in row and "hx-trigger" not in row and "<html" not in row
    assert "Discarded just now . Relay does not send this delivery." in text_of(
        admin.get(f"/events/{world.event}").text
    )
    again = admin.post(f"/dead-letters/{world.letter}/replay", headers=FRAGMENT)
    assert again.status_code == 409 and "is already resolved" in again.text


@pytest.mark.parametrize(
    ("next", "location"),
    [("/events/1", "/events/1"), ("//evil.example", "/"), ("https://evil.example", "/")],
)
def test_without_a_script_an_action_leads_back_to_a_page_of_this_site(
    app: Flask, world: World, admin: Visitor, next: str, location: str
) -> None:
    answer = admin.post(f"/dead-letters/{world.letter}/replay", {"next": next})
    assert (answer.status_code, answer.location) == (303, location)


def test_a_card_shows_the_cause_the_advice_and_the_buttons_of_each_role(
    app: Flask, world: World, visit: Callable[..., Visitor]
) -> None:
    pages = {role: visit(role).get("/dead-letters").text for role in ("viewer", "support", "admin")}
    for role, page in pages.items():
        text = text_of(page)
        assert "Hook does not accept these messages." in text
        assert "What to do: Open one of them and compare its request" in text
        assert "1 failed" in text and "not reviewed yet" in text
        assert f'href="/events/{world.event}"' in page
        assert ("Jane Doe: Grüße" in text) is (role == "admin"), "others see it masked"
        assert f"/dead-letters/list?code=http_400&amp;field=-&amp;destination={world.hook}" in page
    for words in ("Resend 1…", "Assign to me", "Acknowledge", "Note…", "Discard 1…"):
        assert words not in pages["viewer"]
        assert words in pages["support"] and words in pages["admin"]
    assert "Edit settings" in pages["admin"]
    assert "Edit settings" not in pages["support"]
    assert "Only an admin can change settings." in text_of(pages["support"])


def test_a_paused_destination_can_be_resumed_from_its_card(
    app: Flask, world: World, visit: Callable[..., Visitor]
) -> None:
    support = visit("support")
    support.post(f"/destinations/{world.hook}/pause", {"reason": "They move"})
    page = support.get("/dead-letters").text
    assert "Hook is paused, so nothing is sent there." in text_of(page)
    answer = support.post(f"/destinations/{world.hook}/resume")
    assert answer.status_code == 303
    page = support.get(f"/destinations/{world.hook}").text
    assert "1 failed delivery can be resent. It failed before Hook was fixed." in text_of(page)
    assert ">Resend</a>" in page, "a toast offers it too"
    again = re.search(r'<a class="btn btn-primary" href="(/replays/new[^"]+)"', page)
    assert again
    preview = support.get(again[1].replace("&amp;", "&")).text
    assert "1 new Never delivered to Hook." in text_of(preview)
    viewer = visit("viewer").get(f"/destinations/{world.hook}").text
    assert "Resend" not in viewer.replace("Resends", "")


def test_a_card_shows_its_owner_and_its_note(app: Flask, world: World, admin: Visitor) -> None:
    cause = {"destination": world.hook, "code": "http_400", "field": "-", "next": "/dead-letters"}
    for do, more in (("assign", {}), ("note", {"note": "<b>Ask</b> Ada"})):
        answer = admin.post("/dead-letters/bulk", {**cause, "do": do, **more})
        assert (answer.status_code, answer.location) == (303, "/dead-letters")
    page = admin.get("/dead-letters").text
    assert "assigned to admin@example.com" in text_of(page)
    assert "&lt;b&gt;Ask&lt;/b&gt; Ada" in page and "Unassign" in page
    admin.post("/dead-letters/bulk", {**cause, "do": "unassign"})
    assert "assigned to admin@example.com" not in text_of(admin.get("/dead-letters").text)


def fill(app: Flask, world: World, count: int) -> None:
    for _ in range(count):
        put(app, world.slug, comment())
    move(app, world.hook)


def test_all_matching_means_the_whole_filter_and_not_the_page(
    app: Flask, world: World, admin: Visitor
) -> None:
    fill(app, world, 59)
    page = admin.get("/dead-letters/list?code=http_400").text
    assert page.count('name="dead_letter"') == 50
    assert "All 60 matching, on all pages" in text_of(page)
    upto = re.search(r'name="upto" value="(\d+)"', page)
    assert upto
    fill(app, world, 1)  # fails after the page was shown
    chosen = {"code": "http_400", "upto": upto[1], "which": "all", "dead_letter": "1"}
    preview = admin.post("/dead-letters/bulk", {**chosen, "do": "replay"})
    assert "Hook: 60 deliveries to send" in text_of(admin.get(preview.location).text)
    admin.post("/dead-letters/bulk", {**chosen, "do": "discard", "reason": "by hand"})
    assert "60 discarded. Relay stops sending these deliveries." in admin.get("/dead-letters").text
    assert admin.get("/dead-letters/list").text.count('name="dead_letter"') == 1


def test_an_action_applies_to_the_selected_rows_only(
    app: Flask, world: World, admin: Visitor
) -> None:
    fill(app, world, 3)
    with app.app_context():
        ids = [row.id for row in db.session.query(DeadLetter.id).order_by(DeadLetter.id)]
    selected = {"which": "selected", "dead_letter": ids[1:3], "code": "http_400"}
    preview = admin.post("/dead-letters/bulk", {**selected, "do": "replay"})
    assert "Hook: 2 deliveries to send" in text_of(admin.get(preview.location).text)
    admin.post("/dead-letters/bulk", {**selected, "do": "acknowledge"})
    seen = admin.get("/dead-letters/list?state=acknowledged").text
    assert re.findall(r'name="dead_letter" value="(\d+)"', seen) == [str(ids[2]), str(ids[1])]


@pytest.mark.parametrize(
    ("form", "status", "sentence"),
    [
        ({"which": "selected", "do": "discard", "reason": "x"}, 303, "Nothing is selected."),
        ({"which": "all", "do": "discard"}, 303, "Enter a reason"),
        (
            {"which": "all", "do": "discard", "reason": "x", "code": "none"},
            303,
            "Nothing has changed.",
        ),
        ({"which": "all", "do": "explode"}, 404, ""),
        ({"which": "all"}, 404, ""),
    ],
)
def test_an_invalid_bulk_action_changes_nothing(
    app: Flask, world: World, admin: Visitor, form: dict[str, str], status: int, sentence: str
) -> None:
    answer = admin.post("/dead-letters/bulk", {"next": "//evil.example", **form})
    assert answer.status_code == status
    if status == 303:
        assert answer.location == "/"
    page = admin.get("/dead-letters").text
    assert sentence in page and "1 failed" in text_of(page)


def test_an_export_has_all_matching_rows_and_no_formulas(
    app: Flask, world: World, admin: Visitor
) -> None:
    fill(app, world, 59)
    cause = {"destination": world.hook, "code": "http_400"}
    for do, more in (("note", {"note": "=1+1"}), ("assign", {})):
        admin.post("/dead-letters/bulk", {**cause, "which": "all", "do": do, **more})
    answer = admin.post("/dead-letters/list.csv", {"destination": world.hook})
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    found = list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert len(found) == 60
    assert {row["note"] for row in found} == {"'=1+1"}
    assert {row["destination"] for row in found} == {"Hook"}
    assert {row["owner"] for row in found} == {"admin@example.com"}
    none = admin.post("/dead-letters/list.csv", {"destination": world.inbox}).text
    assert len(none.splitlines()) == 1
    page = admin.get(f"/dead-letters/list?destination={world.hook}").text
    assert f'<input type="hidden" name="destination" value="{world.hook}">' in page


def test_an_export_is_recorded_and_starts_after_a_proof(
    app: Flask, world: World, visit: Callable[..., Visitor]
) -> None:
    viewer, form = visit("viewer"), {"destination": world.hook}
    age(app, proved_at=11)
    asked = viewer.post("/dead-letters/list.csv", form)
    assert asked.status_code == 403 and "proof_password" in asked.text
    page = viewer.post("/dead-letters/list.csv", form | {"proof_password": PASSWORD})
    # the browser stays on a page that is not a file, with a form for the file
    assert page.mimetype == "text/html" and "Your download is ready" in page.text
    assert f'name="destination" value="{world.hook}"' in page.text and PASSWORD not in page.text
    assert viewer.post("/dead-letters/list.csv", form).mimetype == "text/csv"
    with app.app_context():
        entries = audit.list_entries(audit.AuditFilter(action="dead_letter.export")).items
        assert [(one.actor, one.object_label) for one in entries] == [
            ("viewer@example.com", "1 failed deliveries")
        ]


def test_the_navigation_and_the_page_poll_for_changes(
    app: Flask, world: World, admin: Visitor
) -> None:
    first = admin.get("/dead-letters/count", headers=FRAGMENT).text
    assert text_of(first) == "1" and 'hx-trigger="every' in first
    updates = admin.get("/dead-letters/updates?seen=1", headers=FRAGMENT).text
    assert text_of(updates) == ""
    fill(app, world, 2)
    assert text_of(admin.get("/dead-letters/count", headers=FRAGMENT).text) == "3"
    updates = admin.get("/dead-letters/updates?seen=1", headers=FRAGMENT).text
    assert "2 new failed deliveries." in text_of(updates)
    admin.post("/dead-letters/bulk", {"which": "all", "do": "discard", "reason": "x"})
    assert text_of(admin.get("/dead-letters/count", headers=FRAGMENT).text) == ""
    updates = admin.get("/dead-letters/updates?seen=3", headers=FRAGMENT).text
    assert "3 deliveries were resolved." in text_of(updates)
    for path in ("/dead-letters/count", "/dead-letters/updates"):
        assert admin.get(path).location == "/dead-letters", "without a script it leads to the page"


def test_resending_a_delivered_event_shows_a_warning(
    app: Flask, world: World, admin: Visitor
) -> None:
    story = admin.get(f"/events/{world.event}").text
    link = re.search(r'href="(/replays/new\?delivery=\d+)"', story)
    assert link
    page = admin.get(link[1]).text
    assert "This delivery has already arrived. Resending can create duplicates" in text_of(page)
    assert "Resend anyway" in page


def test_a_resolved_dead_letter_is_found_with_its_resolution(
    app: Flask, world: World, admin: Visitor
) -> None:
    admin.post(f"/dead-letters/{world.letter}/discard", {"reason": "a test of ours"})
    assert f'id="dead-letter-{world.letter}"' not in admin.get("/dead-letters/list").text
    page = admin.get("/dead-letters/list?state=resolved").text
    assert "Discarded: a test of ours" in text_of(page) and 'name="dead_letter"' not in page
