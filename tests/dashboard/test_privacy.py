"""Who is shown personal data: byte searches for one person in every answer that each role can get."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import relay
from relay.models import Attempt, AuditEntry, DeadLetter, Delivery, Replay, db
from tests.dashboard.conftest import Visitor
from tests.support import world
from tests.support.events import comment
from tests.support.sink import Sink

EMAIL, PHONE = "zyxelina.quorfle@canary-mail.example", "+49 221 9988776"
SECRETS = ("zyxelina", "quorfle", "canary-mail", "9988776", "kumquat marmalade", "wobblestreet")
PERSON: dict[str, Any] = {"name": "Zyxelina Quorfle", "email": EMAIL, "phone": PHONE}
EVENTS = (
    ("comment.created", comment()["data"] | {
        "author": PERSON["name"], "author_email": EMAIL, "content": "I love kumquat marmalade",
        "post_title": "Zyxelina Quorfle at our stand",
    }),
    ("order.created", {
        "id": 5, "number": "5", "status": "processing", "currency": "EUR", "total": "9.90",
        "customer": PERSON | {"address": {"address_1": "Wobblestreet 7", "city": "Wobblestreet"}},
        "items": [{"name": "Pot", "quantity": 1, "engraving": "Zyxelina"}],
        "created_at": "2026-01-15T10:30:00Z",
    }),
    ("lead.created", {
        "form": {"plugin": "cf7", "id": 1, "title": "Contact"},
        "fields": {"Name": PERSON["name"], "status": "Zyxelina", "Mail": f"Zyxelina <{EMAIL}>",
                   "Call me": 492219988776, "Text": "kumquat marmalade\nfor zyxelina"},
        "page_url": f"https://shop.example.com/?mail={EMAIL.replace('@', '%40')}",
    }),
    ("user.registered", {"id": 3, "login": "zyxelina", "email": EMAIL}),
    ("x.quiz.done", {"winner": PERSON, "prize": ["kumquat marmalade", {"to": "Wobblestreet 7"}],
                     EMAIL: 1}),
)  # fmt: skip
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def people(app: Flask, sink: Sink) -> Iterator[world.World]:
    """A person in events of every kind, delivered and refused with an answer that quotes them."""
    found = world.make(app, sink)
    reply = (
        f'{{"message":"Property “Zyxelina Quor…” of {EMAIL} at Wobblestreet 7","sku":"zyxelina"}}'
    )
    sink.answer(400, reply.encode(), path="/hook")
    for number, (kind, data) in enumerate(EVENTS):
        world.put(
            app, found.slug, comment() | {"event": kind, "event_id": f"p{number}", "data": data}
        )
    world.move(app, found.inbox, found.hook)
    with app.app_context():
        letter = db.session.query(DeadLetter).order_by(DeadLetter.id.desc()).first()
        assert letter is not None
        letter.sentence = f"Hook does not accept “Zyxelina Quor…” for {EMAIL}."
        letter.note = f"Called {EMAIL} about it"
        delivery = db.session.get(Delivery, letter.delivery_id)
        assert delivery is not None
        delivery.last_error = letter.sentence
        delivery.destination.circuit_reason = f"The service said: “Zyxelina at {EMAIL}”."
        delivery.destination.held_reason = delivery.destination.circuit_reason
        for attempt in db.session.query(Attempt):
            attempt.ai = {
                "sentence": "With AI.", "asked": '{"text":"Zyxelina writes"}', "cost": "0.01 EUR",
                "answer": {"summary": "Zyxelina wants kumquat marmalade", "urgent": True},
                "tokens_in": 1, "tokens_out": 1, "ms": 5, "name": "AI", "model": "m", "masked": True,
            }  # fmt: skip
            attempt.notes = [{"code": "left_out", "field": "a", "label": "A",
                              "sentence": "Sent without: A — “Zyxelina Q” is no date"}]  # fmt: skip
        db.session.add(
            Replay(token="t", title=f"containing “{EMAIL}”", requested_by="a", mapping="current")
        )
        db.session.commit()
    yield found
    app.extensions["relay_ingest"].close()


def crawl(visitor: Visitor, start: str = "/", most: int = 250) -> dict[str, str]:
    """Every page that can be reached by links and by the addresses of fragments, in lower case."""
    pages: dict[str, str] = {}
    todo = [start, "/replays/new?dead_letter=1", "/events?text=marmalade"]
    while todo and len(pages) < most:
        path = todo.pop(0)
        if path in pages:
            continue
        answer = visitor.get(path)
        if "text/html" not in answer.content_type and "csv" not in answer.content_type:
            continue
        pages[path] = answer.text.lower()
        found = re.findall(r'(?:href|hx-get|action)="(/[^"#]*)', answer.text)
        todo += [
            one for one in map(html.unescape, found) if not one.startswith(("/static", "/sign"))
        ]
    return pages


def leaks(page: str) -> list[str]:
    plain = re.sub(r"<[^>]*>", " ", html.unescape(page))
    # what a person typed in the search field is shown to the same person
    return [one for one in SECRETS if one in page or one in plain]


@SQLITE
@pytest.mark.parametrize("role", ["viewer", "support"])
def test_no_page_says_who_it_is(
    people: world.World, visit: Callable[..., Visitor], role: str
) -> None:
    person = visit(role)
    pages = crawl(person)
    assert len(pages) > 40, "the crawl found nearly nothing"
    pages["export"] = person.post("/dead-letters/list.csv").text.lower()
    assert pages["export"].count("\n") > 1
    found = {path: leaks(page.replace("text=marmalade", "")) for path, page in pages.items()}
    assert not {path: one for path, one in found.items() if one}
    fragments = ("/", "/events", "/dead-letters", "/dead-letters/list", "/replays", "/alerts",
                 f"/destinations/{people.inbox}", f"/destinations/{people.hook}", "/events/p2")  # fmt: skip
    visitor = visit("support" if role == "viewer" else "viewer")
    for path in fragments:
        assert not leaks(visitor.get(path, headers={"HX-Request": "true"}).text.lower()), path


@SQLITE
def test_an_admin_sees_it_all(people: world.World, admin: Visitor) -> None:
    """The places of the test above do show it to a person who may see it."""
    for path in ("/events", "/events/p0", "/events/p4", "/dead-letters/list",
                 "/replays/new?dead_letter=2", "/replays", f"/destinations/{people.inbox}",
                 f"/destinations/{people.hook}"):  # fmt: skip
        assert leaks(admin.get(path).text.lower()), path
    assert leaks(admin.post("/dead-letters/list.csv").text.lower())
    assert "Zyxelina" in admin.get("/events?text=marmalade").text


@SQLITE
@pytest.mark.parametrize("path", ["/events", "/dead-letters/list"])
def test_a_part_of_a_value_finds_nothing_for_those_who_may_not_see_it(
    people: world.World, visit: Callable[..., Visitor], path: str
) -> None:
    for role in ("viewer", "support"):
        visitor = visit(role)
        parts = ("zyxelina", "quorfle@canary-mail.example", "e@canary-mail.example", EMAIL[:-1],
                 "marmalade", "%", "9988776")  # fmt: skip
        for part in parts:
            assert "No results" in visitor.get(f"{path}?text={part}").text, (role, part)
        for exact in (EMAIL, EMAIL.upper(), "p0"):
            assert "No results" not in visitor.get(f"{path}?text={exact}").text, (role, exact)
    assert "No results" not in visit("admin").get(f"{path}?text=marmalade").text


@SQLITE
def test_support_reveals_one_event_once_and_the_audit_log_says_so(
    app: Flask, people: world.World, visit: Callable[..., Visitor]
) -> None:
    support, viewer = visit("support"), visit("viewer")
    assert (
        "Reveal" in support.get("/events/p0").text and "Reveal" not in viewer.get("/events/p0").text
    )
    assert viewer.post("/events/p0/reveal").status_code == 403
    shown = support.post("/events/p0/reveal")
    assert shown.status_code == 200 and EMAIL in shown.text and "every 2s" not in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    assert not leaks(support.get("/events/p0").text.lower()), "only for one request"
    with app.app_context():
        letter = db.session.query(DeadLetter.id).order_by(DeadLetter.id.desc()).first()
        assert letter is not None
    assert EMAIL in support.post(f"/dead-letters/{letter.id}/reveal").text
    assert viewer.post(f"/dead-letters/{letter.id}/reveal").status_code == 403
    with app.app_context():
        entries = db.session.query(AuditEntry).filter_by(action="person.reveal").all()
        assert [(one.actor, one.detail["page"]) for one in entries] == [
            ("support@example.com", "event"), ("support@example.com", "failed delivery"),
        ]  # fmt: skip
        assert EMAIL not in str([(one.object_label, one.detail) for one in entries])


def test_no_template_shows_a_text_about_an_event_without_deciding() -> None:
    """A new place must use the filters of ``relay.dashboard.privacy``; these may be shown to all."""
    fine = {
        "ai/",
        "mapping/",
        "audit/",
        "alert_channels/",
        "removal/",
        "destinations/_test_result.html",
    }
    texts = re.compile(
        r"{{[^}]*\b(?:attempt|letter|delivery|destination|replay|selection|alert|entry|rejection|cause|line|result)"
        r"\.(?:sentence|last_error|note|reason|title|\w+_reason|headline|text|request|response|asked)\b[^}]*}}"
    )
    folder = Path(relay.__file__).parent / "templates"
    found = {
        f"{path.relative_to(folder)}: {match[0]}"
        for path in folder.rglob("*.html")
        if not any(str(path.relative_to(folder)).startswith(one) for one in fine)
        for match in texts.finditer(path.read_text(encoding="utf-8"))
        if "|shown" not in match[0]
    }
    # the result of an AI step comes from ``shown_ai``, and the macro ``line`` has the filter
    assert found == {
        "alerts/_alert.html: {{ line(entry.action, entry.at, entry.actor, entry.text) }}",
        "events/_ai.html: {{ result.sentence|translated }}",
        "macros/ai.html: {{ result.asked|pretty }}",
    }
