"""A site's privacy settings: what is removed never reaches the database, the log or the broker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import text

from relay.email_digests import EmailDigests
from relay.ingest.redaction import redact
from relay.ingest.schemas import load_event
from relay.launcher.valkey import Valkey
from relay.mapping.redaction_rules import RedactionAction, RedactionRule, Redactor, path_from_label
from relay.models import EmailDigest, Event, RedactedEvent, db
from relay.services.audit import COMMAND_LINE
from relay.services.event_list import list_events
from relay.services.events import EventFilter
from relay.services.sources import privacy
from tests.ingest.conftest import Sender, refresh

EMAIL, PHONE, NAME = "jane.canary@example.org", "0221 445566", "Jane Canary"
LEAD: dict[str, Any] = {
    "event": "lead.created",
    "event_id": "lead-1",
    "site": "https://shop.example.com",
    "data": {
        "form": {"plugin": "cf7", "id": 1, "title": "Contact"},
        "fields": {"Your  Name": NAME, "E-Mail (req.)": EMAIL, "Phone": PHONE, "Size": 0.10},
        "types": {"Your  Name": "name"},
    },
}


def rule(app: Flask, slug: str, field: str, action: str) -> None:
    with app.app_context():
        privacy.set_rule(slug, path_from_label(field), RedactionAction(action), COMMAND_LINE)
    refresh(app)


def database_bytes(app: Flask) -> bytes:
    """Every value of every row; on SQLite also the files as they are on the disk."""
    with app.app_context(), db.engine.connect() as connection:
        rows = [
            repr(tuple(row))
            for table in db.metadata.sorted_tables
            for row in connection.execute(text(f'SELECT * FROM "{table.name}"'))
        ]
        url = connection.engine.url
    files = b""
    if url.drivername.startswith("sqlite"):
        files = b"".join(one.read_bytes() for one in Path(str(url.database)).parent.iterdir()
                         if one.name.startswith(Path(str(url.database)).name))  # fmt: skip
    return "\n".join(rows).encode() + files


def test_removed_fields_are_stored_nowhere(
    app: Flask, sender: Sender, valkey: Valkey, capfd: pytest.CaptureFixture[str]
) -> None:
    for field, action in (
        ("fields.your name", "mask"), ("fields.E-Mail (req.)", "drop"), ("fields.Phone", "drop"),
    ):  # fmt: skip
        rule(app, sender.slug, field, action)
    assert sender.send(LEAD).status_code == 202
    again = sender.send(LEAD)
    assert again.status_code == 200, "a duplicate, by the digest of the body as it was sent"
    changed = LEAD | {"data": LEAD["data"] | {"page_url": "https://shop.example.com/x"}}
    assert sender.send(changed).status_code == 409
    with app.app_context():
        [event] = db.session.query(Event)
        assert json.loads(event.payload)["data"]["fields"] == {
            "Your  Name": "J••• C•••",
            "Size": 0.1,
        }
        assert "0.1" in event.payload
        [mark] = db.session.query(RedactedEvent)
        assert [(one["label"], one["action"]) for one in mark.fields] == [
            ("fields.your name", "mask"), ("fields.E-Mail (req.)", "drop"), ("fields.Phone", "drop"),
        ]  # fmt: skip
        assert db.session.query(EmailDigest).count() == 1
        for found in (EMAIL, EMAIL.upper()):
            assert [one.id for one in list_events(EventFilter(text=found)).items] == [event.id]
        assert not list_events(EventFilter(text=EMAIL[1:])).items
    stored = database_bytes(app)
    broker = redis.Redis.from_url(valkey.url)
    dump = b"".join(broker.dump(key) or b"" for key in broker.scan_iter())
    written = capfd.readouterr()
    for value in (EMAIL, "jane.canary", PHONE, "Canary", "445566"):
        for place in (stored, dump, (written.out + written.err).encode()):
            assert value.encode() not in place, value


def test_the_event_and_its_hashes_are_one_transaction(app: Flask, sender: Sender) -> None:
    rule(app, sender.slug, "fields.Phone", "drop")
    broken = "ALTER TABLE email_digest RENAME TO elsewhere"
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text(broken))
    assert sender.send(LEAD).status_code == 503
    with app.app_context(), db.engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM event")) == 0
        connection.execute(text("ALTER TABLE elsewhere RENAME TO email_digest"))
    assert sender.send(LEAD).status_code == 202
    with app.app_context():
        assert db.session.query(EmailDigest).count() == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_site_without_rules_sends_the_same_statements_as_before(
    app: Flask, sender: Sender
) -> None:
    assert sender.send().status_code == 202
    statements: list[str] = []
    writer = app.extensions["relay_ingest"].writer
    sqlalchemy_event.listen(
        writer.engine, "before_cursor_execute", lambda _c, _u, sql, *_: statements.append(sql)
    )
    assert sender.send().status_code == 202
    kinds = [one.split()[0:3] for one in statements if one.startswith("INSERT")]
    assert kinds == [["INSERT", "INTO", "event"], ["INSERT", "INTO", "intake"]]


def test_an_event_that_no_rule_applies_to_is_stored_as_it_came(app: Flask, sender: Sender) -> None:
    rule(app, sender.slug, "customer.email", "drop")
    assert sender.send(LEAD).status_code == 202
    with app.app_context():
        event = db.session.query(Event).one()
        assert event.payload == json.dumps(LEAD)
        assert (
            not db.session.query(RedactedEvent).count()
            and not db.session.query(EmailDigest).count()
        )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_request_to_erase_keeps_its_address(app: Flask, sender: Sender) -> None:
    rule(app, sender.slug, "email", "drop")
    request = {"event": "relay.erase", "event_id": "e1", "site": "https://shop.example.com",
               "data": {"email": EMAIL}}  # fmt: skip
    assert sender.send(request).status_code == 202
    with app.app_context():
        assert EMAIL in db.session.query(Event).one().payload


def test_a_dropped_field_that_the_schema_requires_is_left_empty() -> None:
    body = LEAD | {"event": "comment.created", "data": {
        "id": 1, "post_id": 2, "author": NAME, "content": "Hi", "created_at": "2026-01-01",
    }}  # fmt: skip
    raw = json.dumps(body).encode()
    path = path_from_label("author")
    stored, mark = redact(
        load_event(body, raw, "lead-1"),
        Redactor([RedactionRule(path, RedactionAction.DROP)]),
        EmailDigests(["k" * 43 + "="]),
    )
    assert json.loads(stored.payload)["data"]["author"] == "" and mark is not None
