"""Everything about an address is found, exported and erased, also where a site removed the address."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask import Flask

from relay.errors import Invalid
from relay.mapping.redaction_rules import RedactionAction, path_from_label
from relay.models import Alert, AuditEntry, DeadLetter, Delivery, EmailDigest, Event, Replay, db
from relay.services.audit import COMMAND_LINE
from relay.services.operations import erasure
from relay.services.people import finding
from relay.services.sources import privacy
from tests.ingest.conftest import Sender, refresh, sender  # noqa: F401 - a fixture
from tests.support import world
from tests.support.events import comment
from tests.support.sink import Sink

EMAIL, SIMILAR = "jane.canary@example.org", "mary.jane.canary@example.org"


def about(email: str, **changes: str) -> dict[str, object]:
    event = comment()
    return event | {
        "data": event["data"] | {"author_email": email, "author": "J. Canary"} | changes
    }


def files_of(app: Flask) -> bytes:
    """The database's files as they are on the disk."""
    path = Path(app.extensions["relay_config"].database_url.removeprefix("sqlite:///"))
    return b"".join(
        one.read_bytes() for one in path.parent.iterdir() if one.name.startswith(path.name)
    )


def test_everything_is_found_exported_and_erased(app: Flask, sink: Sink) -> None:
    made = world.make(app, sink)
    sink.answer(400, f'{{"message":"{EMAIL} is unknown"}}'.encode(), path="/hook")
    own = world.put(app, made.slug, about(EMAIL.upper()))
    world.put(app, made.slug, about(SIMILAR))
    world.move(app, made.inbox, made.hook)
    waiting = world.put(app, made.slug, about(EMAIL))
    with app.app_context():
        letter = db.session.query(DeadLetter).order_by(DeadLetter.id.desc()).first()
        assert letter is not None
        letter.note = f"Asked {EMAIL}"
        db.session.add(Alert(rule="x", subject="", sentence="s", advice="", note=f"See {EMAIL}"))
        db.session.add(
            Replay(token="t", title=f"about {EMAIL}", requested_by="a", mapping="current")
        )
        db.session.commit()
        found = finding.find_person(f" {EMAIL} ")
        assert {one.id for one in found.events} == {own, waiting}, "not that of a longer address"
        assert {one.place for one in found.notes} == {"Failed delivery", "Alert", "Resend"}
        assert found.counts["deliveries"] == 2 and found.counts["failed_deliveries"] == 1
        exported = finding.export(EMAIL, COMMAND_LINE)
        assert EMAIL in json.dumps(exported["events"]).lower() and SIMILAR not in str(
            exported["events"]
        )
        [entry] = db.session.query(AuditEntry).filter_by(action="person.export")
        assert EMAIL not in entry.object_label + str(entry.detail)
        receipt = erasure.erase_person(EMAIL, COMMAND_LINE)
        assert receipt.events == 2
        assert finding.find_person(EMAIL).is_empty
        unrouted = db.session.get(Event, waiting)
        assert unrouted is not None and unrouted.routed_at and unrouted.delivery_count == 0
    world.move(app, made.inbox, made.hook)
    with app.app_context():
        assert not db.session.query(Delivery).filter_by(event_pk=waiting).count(), "sent to no one"
        with pytest.raises(Invalid):
            finding.find_person("jane")


def test_events_whose_address_was_removed_are_found_and_erased(
    app: Flask,
    sender: Sender,  # noqa: F811
) -> None:
    with app.app_context():
        path = path_from_label("author_email")
        privacy.set_rule(sender.slug, path, RedactionAction.DROP, COMMAND_LINE)
    refresh(app)
    assert sender.send(about(EMAIL)).status_code == 202
    assert sender.send(about(SIMILAR)).status_code == 202
    with app.app_context():
        found = finding.find_person(EMAIL)
        assert len(found.events) == 1 and found.removed == {found.events[0].id}
        assert erasure.erase_person(EMAIL, COMMAND_LINE).events == 1
        [event] = db.session.query(Event).filter(Event.emptied_at.is_not(None))
        assert "J. Canary" not in event.payload
        assert finding.find_person(EMAIL).is_empty and db.session.query(EmailDigest).count() == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_erased_values_are_not_in_the_files_of_sqlite(app: Flask, sink: Sink) -> None:
    made = world.make(app, sink)
    for _ in range(3):
        world.put(app, made.slug, about(EMAIL, content="kumquat marmalade " * 200))
    world.move(app, made.inbox, made.hook)
    assert EMAIL.encode() in files_of(app) and b"kumquat" in files_of(app)
    with app.app_context():
        erasure.erase_person(EMAIL, COMMAND_LINE)
    left = files_of(app).lower()
    assert EMAIL.encode() not in left and b"kumquat" not in left
