"""Dead letters: a person sends them again or lets them go, once, and sees what comes of it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable

import pytest
from flask import Flask

from relay.models import DeadLetter, Delivery, db
from relay.services.dead_letters import causes
from tests.dashboard.conftest import Visitor
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World, move, put

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FRAGMENT = {"HX-Request": "true"}


def test_the_list_says_what_where_and_why_and_offers_viewers_nothing(
    app: Flask, world: World, visit: Callable[..., Visitor]
) -> None:
    viewer, support = visit("viewer"), visit("support")
    page = viewer.get("/dead-letters/list").text
    assert "New comment" in page and ">Hook</a>" in page and "answered 400" in page
    assert "Send again" not in page and '/replay"' not in page and "/discard" not in page
    assert 'type="checkbox"' not in page
    page = support.get("/dead-letters/list").text
    assert "Send again" in page and "It will not be sent any more." in page


def test_a_page_that_cannot_show_every_cause_says_so(
    app: Flask, world: World, admin: Visitor
) -> None:
    assert "newest causes" not in admin.get("/dead-letters").text
    for _ in range(causes.MOST):
        put(app, world.slug, comment())
    move(app, world.hook)
    with app.app_context():
        for letter in db.session.query(DeadLetter):
            letter.field = f"field {letter.id}"
        db.session.commit()
    page = admin.get("/dead-letters").text
    assert f"These are the {causes.MOST} newest causes" in page
    assert f"seen={causes.MOST + 1}" in page


def test_the_filter_takes_a_number_a_name_or_nonsense(
    app: Flask, world: World, admin: Visitor
) -> None:
    row = f'id="letter-{world.letter}"'
    for asked, found in (
        (world.hook, True),
        ("Hook", True),
        (world.inbox, False),
        ("²", False),
        ("9" * 100, False),
        ("<script>", False),
    ):
        answer = admin.get("/dead-letters/list", query_string={"destination": asked})
        assert answer.status_code == 200 and (row in answer.text) is found, asked
    for odd in ("9999-12-31", "0001-01-01T00:00:00+14:00", "never"):
        assert admin.get("/dead-letters/list", query_string={"until": odd}).status_code == 200
    empty = admin.get(f"/dead-letters?destination={world.inbox}", headers=FRAGMENT).text
    assert "No dead letters there" in empty and "<html" not in empty


def test_a_row_follows_its_replay_until_it_is_settled(
    app: Flask, sink: Sink, world: World, visit: Callable[..., Visitor]
) -> None:
    support = visit("support")
    row = f"/dead-letters/{world.letter}"
    sink.answer(503, b"busy", path="/hook")
    assert 'hx-trigger="every 1s"' in support.post(f"{row}/replay", headers=FRAGMENT).text
    move(app, world.hook)
    waiting = support.get(row, headers=FRAGMENT).text
    assert "tries again" in waiting and 'hx-trigger="every 5s"' in waiting
    sink.answer(200, path="/hook")
    with app.app_context():
        delivery = db.session.query(Delivery).filter_by(state="pending").one()
        delivery.due_at = delivery.created_at
        db.session.commit()
    move(app, world.hook)
    settled = support.get(row, headers=FRAGMENT).text
    assert "Delivered" in settled and "hx-trigger" not in settled and "Send again" not in settled


def test_a_replay_that_dies_again_leads_to_its_story(
    app: Flask, world: World, admin: Visitor
) -> None:
    admin.post(f"/dead-letters/{world.letter}/replay", headers=FRAGMENT)
    move(app, world.hook)
    row = admin.get(f"/dead-letters/{world.letter}", headers=FRAGMENT).text
    assert f'href="/events/{world.event}">It did not help: see why</a>' in row
    assert "hx-trigger" not in row
    assert "Attempt 2" in admin.get(f"/events/{world.event}").text


def test_a_discarded_row_is_settled_at_once_and_says_so_in_the_story(
    app: Flask, world: World, admin: Visitor
) -> None:
    row = admin.post(f"/dead-letters/{world.letter}/discard", headers=FRAGMENT).text
    assert "Discarded" in row and "hx-trigger" not in row and "<html" not in row
    assert "somebody decided that it need not arrive" in admin.get(f"/events/{world.event}").text
    again = admin.post(f"/dead-letters/{world.letter}/replay", headers=FRAGMENT)
    assert again.status_code == 409 and "took care of this already" in again.text


@pytest.mark.parametrize(
    ("asked", "led"),
    [("/events/1", "/events/1"), ("//evil.example", "/"), ("https://evil.example", "/")],
)
def test_without_a_script_a_click_leads_back_to_where_it_came_from_on_this_site(
    app: Flask, world: World, admin: Visitor, asked: str, led: str
) -> None:
    answer = admin.post(f"/dead-letters/{world.letter}/replay", {"next": asked})
    assert (answer.status_code, answer.location) == (303, led)


def text_of(html: str) -> str:
    """What a person reads, blanks made one."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_a_card_says_what_happened_what_to_do_and_offers_each_role_its_buttons(
    app: Flask, world: World, visit: Callable[..., Visitor]
) -> None:
    pages = {role: visit(role).get("/dead-letters").text for role in ("viewer", "support", "admin")}
    for page in pages.values():
        said = text_of(page)
        assert "Hook does not accept these messages." in said
        assert "What to do: Open one of them and compare its request" in said
        assert "1 waits" in said and "nobody has looked at it yet" in said
        assert f'href="/events/{world.event}"' in page and "Jane Doe: Grüße" in said
        assert f"/dead-letters/list?code=http_400&amp;field=-&amp;destination={world.hook}" in page
    for words in ("Send 1 again", "Assign to me", "Acknowledge", "Note …", "Discard 1 …"):
        assert words not in pages["viewer"]
        assert words in pages["support"] and words in pages["admin"]
    assert "Change its settings" in pages["admin"]
    assert "Change its settings" not in pages["support"]
    assert "ask one, and leave a note here" in text_of(pages["support"])


def test_a_paused_destination_can_be_resumed_from_its_card(
    app: Flask, world: World, visit: Callable[..., Visitor]
) -> None:
    support = visit("support")
    support.post(f"/destinations/{world.hook}/pause", {"reason": "They move"})
    page = support.get("/dead-letters").text
    assert "Hook is paused, so nothing is sent there now." in text_of(page)
    answer = support.post(f"/destinations/{world.hook}/resume")
    assert answer.status_code == 303
    page = support.get(f"/destinations/{world.hook}").text
    assert "1 dead letter waits for this." in text_of(page)
    assert page.count("Send it again?") == 2, "the page and a toast offer it"
    again = re.search(r'<a class="btn btn-primary" href="(/replays/new[^"]+)"', page)
    assert again
    preview = support.get(again[1].replace("&amp;", "&")).text
    assert "1 would be created" in text_of(preview)
    viewer = visit("viewer").get(f"/destinations/{world.hook}").text
    assert "Send 1 again" not in viewer


def test_a_card_remembers_who_takes_it_and_what_was_noted(
    app: Flask, world: World, admin: Visitor
) -> None:
    cause = {"destination": world.hook, "code": "http_400", "field": "-", "next": "/dead-letters"}
    for do, more in (("take", {}), ("note", {"note": "<b>Ask</b> Ada"})):
        answer = admin.post("/dead-letters/choose", {**cause, "do": do, **more})
        assert (answer.status_code, answer.location) == (303, "/dead-letters")
    page = admin.get("/dead-letters").text
    assert "admin@example.com looks after it" in text_of(page)
    assert "&lt;b&gt;Ask&lt;/b&gt; Ada" in page and "Not mine any more" in page
    admin.post("/dead-letters/choose", {**cause, "do": "release"})
    assert "admin@example.com looks after" not in text_of(admin.get("/dead-letters").text)


def fill(app: Flask, world: World, count: int) -> None:
    for _ in range(count):
        put(app, world.slug, comment())
    move(app, world.hook)


def test_all_that_match_means_the_whole_filter_and_not_the_page(
    app: Flask, world: World, admin: Visitor
) -> None:
    fill(app, world, 59)
    page = admin.get("/dead-letters/list?code=http_400").text
    assert page.count('name="letter"') == 50
    assert "All 60 that match, on every page" in text_of(page)
    upto = re.search(r'name="upto" value="(\d+)"', page)
    assert upto
    fill(app, world, 1)  # comes after the number was said
    chosen = {"code": "http_400", "upto": upto[1], "which": "all", "letter": "1"}
    preview = admin.post("/dead-letters/choose", {**chosen, "do": "replay"})
    assert "Hook: 60 would be sent" in text_of(admin.get(preview.location).text)
    admin.post("/dead-letters/choose", {**chosen, "do": "discard", "reason": "by hand"})
    assert "60 discarded. They will not be sent." in admin.get("/dead-letters").text
    assert admin.get("/dead-letters/list").text.count('name="letter"') == 1


def test_those_that_were_ticked_are_meant_and_no_others(
    app: Flask, world: World, admin: Visitor
) -> None:
    fill(app, world, 3)
    with app.app_context():
        ids = [row.id for row in db.session.query(DeadLetter.id).order_by(DeadLetter.id)]
    ticked = {"which": "ticked", "letter": ids[1:3], "code": "http_400"}
    preview = admin.post("/dead-letters/choose", {**ticked, "do": "replay"})
    said = text_of(admin.get(preview.location).text)
    assert "2 dead letters chosen by hand" in said and "Hook: 2 would be sent" in said
    admin.post("/dead-letters/choose", {**ticked, "do": "acknowledge"})
    seen = admin.get("/dead-letters/list?state=acknowledged").text
    assert re.findall(r'name="letter" value="(\d+)"', seen) == [str(ids[2]), str(ids[1])]


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ({"which": "ticked", "do": "discard", "reason": "x"}, 303, "tick the ones you mean"),
        ({"which": "all", "do": "discard"}, 303, "say why"),
        ({"which": "all", "do": "discard", "reason": "x", "code": "none"}, 303, "took care of it"),
        ({"which": "all", "do": "explode"}, 404, ""),
        ({"which": "all"}, 404, ""),
    ],
)
def test_a_choice_that_means_nothing_changes_nothing(
    app: Flask, world: World, admin: Visitor, form: dict[str, str], status: int, said: str
) -> None:
    answer = admin.post("/dead-letters/choose", {"next": "//evil.example", **form})
    assert answer.status_code == status
    if status == 303:
        assert answer.location == "/"
    page = admin.get("/dead-letters").text
    assert said in page and "1 waits" in text_of(page)


def test_an_export_holds_all_that_match_and_no_formula(
    app: Flask, world: World, admin: Visitor
) -> None:
    fill(app, world, 59)
    cause = {"destination": world.hook, "code": "http_400"}
    for do, more in (("note", {"note": "=1+1"}), ("take", {})):
        admin.post("/dead-letters/choose", {**cause, "which": "all", "do": do, **more})
    answer = admin.get(f"/dead-letters/list.csv?destination={world.hook}")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    found = list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert len(found) == 60
    assert {row["note"] for row in found} == {"'=1+1"}
    assert {row["destination"] for row in found} == {"Hook"}
    assert {row["owner"] for row in found} == {"admin@example.com"}
    none = admin.get(f"/dead-letters/list.csv?destination={world.inbox}").text
    assert len(none.splitlines()) == 1


def test_the_navigation_counts_anew_by_itself(app: Flask, world: World, admin: Visitor) -> None:
    first = admin.get("/dead-letters/count", headers=FRAGMENT).text
    assert text_of(first) == "1" and 'hx-trigger="every' in first
    news = admin.get("/dead-letters/news?seen=1", headers=FRAGMENT).text
    assert text_of(news) == ""
    fill(app, world, 2)
    assert text_of(admin.get("/dead-letters/count", headers=FRAGMENT).text) == "3"
    news = admin.get("/dead-letters/news?seen=1", headers=FRAGMENT).text
    assert "2 more came in." in text_of(news)
    admin.post("/dead-letters/choose", {"which": "all", "do": "discard", "reason": "x"})
    assert text_of(admin.get("/dead-letters/count", headers=FRAGMENT).text) == ""
    news = admin.get("/dead-letters/news?seen=3", headers=FRAGMENT).text
    assert "3 were taken care of." in text_of(news)
    for path in ("/dead-letters/count", "/dead-letters/news"):
        assert admin.get(path).location == "/dead-letters", "without a script there is the page"


def test_sending_what_had_arrived_once_more_warns_first(
    app: Flask, world: World, admin: Visitor
) -> None:
    story = admin.get(f"/events/{world.event}").text
    link = re.search(r'href="(/replays/new\?delivery=\d+)"', story)
    assert link
    page = admin.get(link[1]).text
    assert "This arrived already. Sending it once more can make doubles there." in text_of(page)
    assert "Send it once more all the same" in page


def test_a_resolved_letter_is_found_with_how_it_ended(
    app: Flask, world: World, admin: Visitor
) -> None:
    admin.post(f"/dead-letters/{world.letter}/discard", {"reason": "a test of ours"})
    assert f'id="letter-{world.letter}"' not in admin.get("/dead-letters/list").text
    page = admin.get("/dead-letters/list?state=resolved").text
    assert "Discarded: a test of ours" in text_of(page) and 'name="letter"' not in page
