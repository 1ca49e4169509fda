"""The responses of the ingest endpoint, on both databases."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from relay.models import Event, Rejection, Source, db
from relay.services.audit import COMMAND_LINE
from relay.services.sources import settings as source_settings
from tests.ingest.conftest import Sender, refresh
from tests.support.events import comment

POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def count_events(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(Event)) or 0


def test_a_new_event_is_stored_and_answered_202(sender: Sender) -> None:
    event = comment()
    answer = sender.send(event)
    assert (answer.status_code, answer.content_type) == (202, "application/json")
    assert answer.json == {
        "status": "accepted",
        "id": answer.json["id"],
        "event_id": event["event_id"],
    }
    with sender.app.app_context():
        stored = db.session.get(Event, answer.json["id"])
        assert stored is not None
        assert json.loads(stored.payload) == event
        assert "grüße aus köln" in stored.search_text


def test_a_duplicate_is_answered_200_with_the_id_of_the_first(sender: Sender) -> None:
    event = comment()
    first = sender.send(event)
    again = sender.send(event, path=f"/webhooks/wp/{sender.slug}")
    assert again.status_code == 200
    assert again.json == {
        "status": "duplicate",
        "id": first.json["id"],
        "event_id": event["event_id"],
    }
    assert count_events(sender.app) == 1


def test_the_same_event_id_with_another_body_is_409_and_the_first_is_kept(sender: Sender) -> None:
    event = comment()
    sender.send(event)
    answer = sender.send(event | {"site": "https://other.example.com"})
    assert (answer.status_code, answer.json) == (409, {"error": "event_id_conflict"})
    assert count_events(sender.app) == 1


def test_two_sources_can_use_the_same_event_id(sender: Sender) -> None:
    with sender.app.app_context():
        _, _, other = source_settings.create_source(
            "Other", "https://other.example.com", COMMAND_LINE
        )
    event = comment()
    assert sender.send(event).status_code == 202
    refresh(sender.app)
    assert sender.send(event, secret=other).status_code == 202


def test_a_refused_event_can_be_sent_again_with_its_id(sender: Sender) -> None:
    event = comment()
    broken = event | {"data": {}}
    assert sender.send(broken).status_code == 422
    assert sender.send(event).status_code == 202


def test_twenty_identical_requests_at_the_same_time_store_one_event(sender: Sender) -> None:
    event, found, start = comment(), [], threading.Barrier(20)

    def one() -> None:
        start.wait()
        found.append(sender.send(event))

    threads = [threading.Thread(target=one) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(a.status_code for a in found) == [200] * 19 + [202]
    assert len({a.json["id"] for a in found}) == 1
    assert count_events(sender.app) == 1


def test_events_are_accepted_while_the_broker_is_down(sender: Sender, valkey: Any) -> None:
    sender.send()
    valkey.stop()
    try:
        assert {sender.send().status_code for _ in range(10)} == {202}
    finally:
        valkey.start()


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_events_are_answered_503_while_the_database_is_down_and_202_afterwards(
    sender: Sender, postgres_server: Any
) -> None:
    event = comment()
    assert sender.send().status_code == 202
    postgres_server.stop()
    try:
        answers = [sender.send(event) for _ in range(3)]
    finally:
        postgres_server.start()
    assert {(a.status_code, a.json["error"]) for a in answers} == {(503, "unavailable")}
    assert all(int(a.headers["Retry-After"]) > 0 for a in answers)
    assert sender.send(event).status_code == 202


@SQLITE
def test_a_rejection_belongs_to_the_source_in_the_path_even_without_a_signature(
    sender: Sender,
) -> None:
    sender.send()
    sender.send(path=f"/webhooks/wp/{sender.slug}", headers={"X-WP-Signature": None})
    sender.reasons()
    with sender.app.app_context():
        assert db.session.scalar(select(Rejection.source_id)) == db.session.scalar(
            select(Source.id)
        )


@SQLITE
@pytest.mark.parametrize("path", ["/webhooks/wp/", "/webhooks/wp/{slug}/"])
def test_a_slash_at_the_end_of_the_path_changes_nothing(sender: Sender, path: str) -> None:
    assert sender.send(path=path.format(slug=sender.slug)).status_code == 202


@SQLITE
@pytest.mark.parametrize("path", ["/webhooks/key/", "/webhooks/wp/{slug}/key/"])
def test_a_slash_at_the_end_of_a_key_path_changes_nothing(sender: Sender, path: str) -> None:
    answer = sender.send(raw=b'{"want": "state"}', path=path.format(slug=sender.slug))
    assert (answer.status_code, answer.json) == (200, {"status": "current"})


@SQLITE
@pytest.mark.parametrize("method", ["POST", "GET", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    [
        *("/webhooks", "/webhooks/", "/webhooks/other", "/webhooks//wp", "/webhooks/wp//"),
        *("/webhooks/wp/{slug}/events", "/webhooks/wp/{slug}//", "/webhooks/wp/a/b/c"),
    ],
)
def test_another_path_is_404_in_json_and_never_a_redirect(
    sender: Sender, path: str, method: str
) -> None:
    answer = sender.send(path=path.format(slug=sender.slug), method=method)
    assert (answer.status_code, answer.content_type) == (404, "application/json")
    assert answer.json["error"] == "not_found"


@SQLITE
def test_a_wrong_path_is_on_the_page_of_the_site_that_it_names(sender: Sender) -> None:
    sender.send()
    sender.send(path=f"/webhooks/wp/{sender.slug}/events")
    ((reason, sentence),) = sender.reasons()
    assert reason == "unknown_path"
    assert sentence.endswith(f"The path: '/webhooks/wp/{sender.slug}/events'")
    with sender.app.app_context():
        assert db.session.scalar(select(Rejection.source_id)) == db.session.scalar(
            select(Source.id)
        )
