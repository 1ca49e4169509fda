"""Erasing a person: nothing of them is left in any table, and the history stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from relay import database
from relay.errors import Invalid
from relay.mapping.person import MARKER
from relay.models import (
    AiAnswer,
    Attempt,
    AuditEntry,
    DeadLetter,
    Delivery,
    ErasureReceipt,
    Event,
    db,
)
from relay.services.audit import COMMAND_LINE
from relay.services.operations import erasure
from relay.services.people import receipts
from relay.services.sources import settings as source_settings
from tests.cli.conftest import run  # noqa: F401 - a fixture
from tests.ingest.conftest import Sender, refresh, sender  # noqa: F401 - a fixture
from tests.support import world
from tests.support.events import comment
from tests.support.sink import Sink

EMAIL = "jane.doe@example.org"
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def about_jane(**changes: Any) -> dict[str, Any]:
    event = comment()
    return event | {
        "data": event["data"] | {"author": "Jane Doe", "author_email": "Jane.Doe@example.org"} | changes
    }  # fmt: skip


def everything(app: Flask) -> str:
    """Every value of every row, as text."""
    with app.app_context(), db.engine.connect() as connection:
        return "\n".join(
            str(tuple(row))
            for table in db.metadata.sorted_tables
            for row in connection.execute(text(f'SELECT * FROM "{table.name}"'))
        )


def test_nothing_of_the_person_is_left_and_the_history_stays(app: Flask, sink: Sink) -> None:
    found = world.make(app, sink)
    sink.answer(400, b'{"message":"Jane Doe <jane.doe@example.org> is not known"}', path="/hook")
    row = world.put(app, found.slug, about_jane(content="Call Jane Doe at 0221 12345"))
    other = world.put(app, found.slug, comment())
    world.move(app, found.inbox, found.hook)
    before = everything(app).lower()
    assert EMAIL in before and "jane doe" in before and "0221 12345" in before
    with app.app_context():
        receipt = erasure.erase_person("JANE.DOE@example.org ", COMMAND_LINE)
        assert receipt.counts == {
            "events": 1, "attempts": 3, "dead_letters": 1, "discarded": 1, "in_flight": 0,
        }, "the third attempt was for another event, but answered with the address"  # fmt: skip
        event = db.session.get(Event, row)
        assert event is not None
        data = json.loads(event.payload)["data"]
        assert (data["author"], data["id"], data["post_id"]) == (MARKER, 7, 42)
        assert event.search_text.startswith("7 42 [erased]")
        states = {
            d.destination_id: d.state for d in db.session.query(Delivery).filter_by(event_pk=row)
        }
        assert states == {found.inbox: "delivered", found.hook: "discarded"}
        for attempt in db.session.query(Attempt).join(Delivery).filter(Delivery.event_pk == row):
            assert attempt.request["body"] == MARKER and attempt.request["method"] in (
                "KEEP",
                "POST",
            )
        [letter] = db.session.query(DeadLetter).join(Delivery).filter(Delivery.event_pk == row)
        assert (letter.state, letter.resolution) == ("resolved", "discarded")
        untouched = db.session.get(Event, other)
        assert untouched is not None and "Jane Doe" in untouched.payload
        [entry] = db.session.query(AuditEntry).filter_by(action="person.erase")
        assert entry.detail == {
            "receipt": receipt.number, "events": 1, "attempts": 3, "dead_letters": 1, "discarded": 1,
        }  # fmt: skip
        stored = db.session.query(ErasureReceipt).one()
        assert (stored.number, stored.counts) == (receipt.number, receipt.counts)
        assert receipts.is_for(stored, EMAIL) and not receipts.is_for(stored, "x@example.org")
    after = everything(app).lower()
    assert EMAIL not in after and "0221 12345" not in after


def test_ai_requests_and_answers_about_the_person_are_erased(app: Flask, sink: Sink) -> None:
    found = world.make(app, sink)
    row = world.put(app, found.slug, about_jane())
    world.move(app, found.inbox)
    with app.app_context():
        attempt = db.session.query(Attempt).join(Delivery).filter(Delivery.event_pk == row).one()
        attempt.ai = {"sentence": "With AI.", "asked": "Jane Doe writes", "answer": {"who": EMAIL}}
        attempt.request = attempt.request | {
            "earlier": [{"request": {"method": "POST", "body": "Jane D. calls"}, "response": {}}]
        }
        for key, who in (("one", EMAIL), ("two", "somebody else")):
            db.session.add(
                AiAnswer(
                    key=key,
                    state="ready",
                    token="t",
                    claimed_until=database.now(db.session),
                    answer={"who": who},
                )
            )
        db.session.commit()
        erasure.erase_person(EMAIL, COMMAND_LINE)
        assert attempt.ai == {"sentence": "With AI."}
        assert [one.key for one in db.session.query(AiAnswer)] == ["two"]
    left = everything(app).lower()
    assert not [one for one in (EMAIL, "jane doe writes", "jane d. calls") if one in left]


def test_a_second_time_there_is_nothing_to_erase(app: Flask, sink: Sink) -> None:
    found = world.make(app, sink)
    world.put(app, found.slug, about_jane())
    with app.app_context():
        assert erasure.erase_person(EMAIL, COMMAND_LINE).events == 1
        assert not any(erasure.erase_person(EMAIL, COMMAND_LINE).counts.values())


@SQLITE
def test_an_escaped_address_beyond_the_search_text_is_found(app: Flask, sink: Sink) -> None:
    found = world.make(app, sink)
    event = about_jane(author_email=None, content="x" * 5000, note="JANE.DOE@example.org")
    row = world.put(app, found.slug, event)
    with app.app_context():
        stored = db.session.get(Event, row)
        assert stored is not None
        stored.payload = stored.payload.replace("@", "\\u0040")
        stored.search_text = "x" * 4000
        db.session.commit()
        assert erasure.erase_person(EMAIL, COMMAND_LINE).events == 1


@SQLITE
def test_more_events_than_one_batch_holds_are_all_erased(
    app: Flask, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = world.make(app, sink)
    monkeypatch.setattr(erasure, "BATCH", 3)
    for _ in range(8):
        world.put(app, found.slug, about_jane())
    with app.app_context():
        assert erasure.erase_person(EMAIL, COMMAND_LINE).events == 8
    assert EMAIL not in everything(app).lower()


@SQLITE
@pytest.mark.parametrize("email", ["", "jane", "@", "a b@c", "a@" + "b" * 260])
def test_an_invalid_address_is_refused(app: Flask, email: str) -> None:
    with app.app_context(), pytest.raises(Invalid):
        erasure.erase_person(email, COMMAND_LINE)


def request(email: str = EMAIL) -> dict[str, Any]:
    return comment(event="relay.erase", data={"email": email})


def test_a_site_can_erase_only_from_its_own_events(
    app: Flask,
    sender: Sender,  # noqa: F811
    sink: Sink,
) -> None:
    with app.app_context():
        other, *_ = source_settings.create_source(
            "Other", "https://other.example.com", COMMAND_LINE
        )
        slug = other.slug
    refresh(app)
    mine, theirs = world.put(app, sender.slug, about_jane()), world.put(app, slug, about_jane())
    assert sender.send(request()).status_code == 202
    with app.app_context():
        assert erasure.take_requests() == 1
        assert erasure.take_requests() == 0, "done once"
        payloads = {event.id: event.payload for event in db.session.query(Event)}
        assert "jane.doe" not in payloads[mine].lower()
        assert "jane.doe" in payloads[theirs].lower()
        [asked] = db.session.query(Event).filter_by(event_type="relay.erase")
        assert json.loads(asked.payload)["data"] == {"email": MARKER}
        [entry] = db.session.query(AuditEntry).filter_by(action="person.erase")
        assert entry.actor == "site" and entry.detail["events"] == 1


@SQLITE
def test_an_erasure_request_gets_no_delivery(
    app: Flask,
    sender: Sender,  # noqa: F811
    sink: Sink,
) -> None:
    found = world.make(app, sink)
    before = len(sink.requests)
    assert sender.send(request()).status_code == 202
    world.move(app, found.inbox, found.hook)
    assert len(sink.requests) == before
    with app.app_context():
        [asked] = db.session.query(Event).filter_by(event_type="relay.erase")
        assert asked.deliveries == []


@SQLITE
def test_an_erasure_request_waits_for_calls_in_progress(
    app: Flask,
    sender: Sender,  # noqa: F811
    sink: Sink,
) -> None:
    found = world.make(app, sink)
    row = world.put(app, sender.slug, about_jane())
    world.move(app)
    assert sender.send(request()).status_code == 202
    with app.app_context():
        flying = db.session.query(Delivery).filter_by(event_pk=row, destination_id=found.hook).one()
        flying.state, flying.due_at = "in_flight", None
        flying.lease_token, flying.lease_until = "t", flying.created_at
        db.session.commit()
        assert erasure.take_requests() == 0
        flying = db.session.query(Delivery).filter_by(event_pk=row, destination_id=found.hook).one()
        flying.state, flying.lease_token, flying.lease_until = "delivered", None, None
        db.session.commit()
        assert erasure.take_requests() == 1


@SQLITE
def test_a_request_without_an_address_is_refused_at_ingest(
    app: Flask,
    sender: Sender,  # noqa: F811
) -> None:
    answer = sender.send(request("nobody"))
    assert answer.status_code == 422
    assert answer.get_json()["detail"] == {"data.email": ["Must be an e-mail address."]}


@SQLITE
def test_the_command_prints_what_was_erased(app: Flask, sink: Sink, run: Any) -> None:  # noqa: F811
    found = world.make(app, sink)
    world.put(app, found.slug, about_jane())
    printed = run("erase-person", EMAIL, "--json")
    assert printed.pop("receipt").startswith("er_")
    assert printed == {
        "events": 1, "attempts": 0, "dead_letters": 0, "discarded": 0, "in_flight": 0,
    }  # fmt: skip
    assert run("erase-person", EMAIL).startswith("Erased from 0 events")
    assert "e-mail address" in run("erase-person", "jane", code=1)
