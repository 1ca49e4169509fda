"""The audit page: filters, names instead of numbers, exports that are recorded."""

from __future__ import annotations

import csv
import io
import json

import pytest
from flask import Flask

from relay.models import db
from relay.services.audit import By, record
from tests.dashboard.conftest import Visitor, text_of
from tests.support.world import World

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
EVE = By("eve@example.com", "192.0.2.9")


def rows_of(page: str) -> str:
    return text_of(page[page.index("<tbody>") : page.index("</tbody>")])


def test_it_filters_by_user_action_object_time_and_text(app: Flask, admin: Visitor) -> None:
    with app.app_context():
        record(EVE, "key.rotate", "shop", key="wp_1", window_s=86_400.0)
        record(EVE, "destination.pause", "Sales", reason="100 % wrong")
        db.session.commit()
    for query, shown, hidden in (
        ("actor=eve@example.com", "Rotated a signing key", "Created a user"),
        ("actor=EVE@example.com", "Rotated a signing key", "Created a user"),
        ("action=key.rotate", "Rotated a signing key", "Paused"),
        ("action=destination", "Paused a destination", "Rotated"),
        ("object=SALE", "Paused a destination", "Rotated"),
        ("text=100 %25 w", "Paused a destination", "Rotated"),
        ("text=ROTATED", "Rotated a signing key", "Paused"),
        ("text=192.0.2.9", "Rotated a signing key", "Created a user"),
        ("since=2099-01-01", "No entry matches", "Rotated"),
        ("until=2099-01-01", "Rotated a signing key", "No entry"),
        ("until=2000-01-01&since=9999-12-31", "No entry matches", "Rotated"),
    ):
        found = rows_of(admin.get(f"/audit?{query}").text)
        assert shown in found and hidden not in found, (query, found)
    found = rows_of(admin.get("/audit").text)
    assert "Window: 24 hours" in found
    assert "100 % wrong" in found


@SQLITE
def test_objects_have_names_and_links(app: Flask, admin: Visitor, world: World) -> None:
    with app.app_context():
        found = db.session.execute(
            db.text(
                "SELECT delivery.id, destination.name, destination.id FROM delivery JOIN destination "
                "ON destination.id = destination_id ORDER BY 1 LIMIT 1"
            )
        ).one()
        record(EVE, "delivery.hurry", f"delivery {found[0]}")
        record(EVE, "destination.pause", f"destination {found[2]}")
        record(EVE, "delivery.hurry", "delivery 99999")
        slug, name = db.session.execute(db.text("SELECT slug, name FROM source")).first()
        record(EVE, "source.send_test", slug, event_id="e-1", event_type="comment.created")
        db.session.commit()
    page = admin.get("/audit?actor=eve@example.com").text
    assert f"New comment to {found[1]}" in text_of(page)
    assert f'href="/destinations/{found[2]}">{found[1]}</a>' in page
    assert "delivery 99999" in page
    assert f'href="/sources/{slug}">{name}</a>' in page
    assert "Event ID: e-1. Event type: New comment" in text_of(page)


@SQLITE
def test_an_export_is_recorded_and_holds_no_formula(app: Flask, admin: Visitor) -> None:
    with app.app_context():
        record(EVE, "source.update", "=1+1", name="x")
        db.session.commit()
    answer = admin.post("/audit/export", {"format": "csv", "actor": "eve@example.com"})
    assert "attachment" in answer.headers["Content-Disposition"]
    [row] = list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert (row["Object"], row["User"], row["Action"]) == ("'=1+1", EVE.actor, "Changed a site")
    answer = admin.post("/audit/export", {"format": "json"})
    items = json.loads(answer.text)["items"]
    assert items[0]["action"] == "audit.export"
    assert (items[0]["actor"], items[0]["subject"]) == (admin.email, "1 entries")


@SQLITE
def test_the_log_is_verified_in_the_browser(app: Flask, admin: Visitor) -> None:
    assert "The audit log is whole" in admin.post("/audit/verify", follow_redirects=True).text
    with app.app_context():
        db.session.execute(db.text("UPDATE audit_entry SET actor = 'nobody' WHERE seq = 1"))
        db.session.commit()
    assert "Entry 1 was changed" in admin.post("/audit/verify", follow_redirects=True).text
