"""The settings page: what it shows, what asks first, and what is recorded."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update

from relay import database
from relay.backup_settings import BackupSettings
from relay.connection_urls import MailAccount
from relay.models import AuditEntry, Event, UserSession, db
from relay.services import mail
from relay.services.backups import on_demand, runs
from relay.services.settings import retention
from tests.dashboard.conftest import Visitor, text_of
from tests.support.sink import Sink
from tests.support.world import make

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def actions(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_only_admins_see_it(visit: Callable[..., Visitor]) -> None:
    for role, status in (("support", 403), ("admin", 200)):
        person = visit(role)
        assert person.get("/settings").status_code == status
        assert ('href="/settings"' in person.get("/").text) is (status == 200)


def test_what_the_environment_sets_has_its_name_and_no_field(app: Flask, admin: Visitor) -> None:
    app.extensions["relay_config"] = replace(
        app.extensions["relay_config"],
        public_url="https://relay.example.com",
        metrics_token="very-secret-metrics-token",
        retention_days=14,
        set_in_environment=frozenset(
            {"RELAY_PUBLIC_URL", "RELAY_METRICS_TOKEN", "RELAY_RETENTION_DAYS"}
        ),
    )
    page = admin.get("/settings").text
    text = text_of(page)
    assert "https://relay.example.com RELAY_PUBLIC_URL" in text
    assert "Set RELAY_METRICS_TOKEN" in text and "very-secret-metrics-token" not in page
    assert 'name="retention_days"' not in page and "Set by RELAY_RETENTION_DAYS" in text
    assert 'name="attempt_body_days"' in page


def test_a_shorter_retention_shows_what_it_deletes_before_it_is_saved(
    app: Flask, admin: Visitor, sink: Sink
) -> None:
    make(app, sink)
    with app.app_context():
        then = database.now(db.session) - timedelta(days=10)
        db.session.execute(update(Event).values(received_at=then))
        db.session.commit()
    form = {"retention_days": "7", "unresolved_retention_days": "90", "attempt_body_days": "0"}
    page = admin.post("/settings/retention", form)
    assert "This deletes 1 event at the next hourly run." in text_of(page.text)
    assert 'value="7"' in page.text
    with app.app_context():
        assert retention.days().retention_days == 30
    assert admin.post("/settings/retention", {**form, "confirmed": "yes"}).status_code == 303
    with app.app_context():
        assert retention.days().retention_days == 7
    wrong = admin.post("/settings/retention", {**form, "attempt_body_days": "many"})
    assert wrong.status_code == 422 and "Enter a whole number from 0 to 3650." in wrong.text


def test_a_backup_from_the_page_can_be_downloaded(
    app: Flask, admin: Visitor, data_dir: Path
) -> None:
    assert admin.post("/settings/backup").status_code == 303
    with app.app_context():
        mail.outbox().join()
    (path,) = (data_dir / "backups").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    page = admin.get("/settings").text
    assert path.name in page and "none by Relay" not in page
    download = admin.post("/settings/backup/download", {"name": path.name})
    content = download.data
    download.close()
    assert gzip.decompress(content).startswith(b'{"format": "relay-backup-1"')
    for name in ("../secrets.env", "none", ""):
        assert admin.post("/settings/backup/download", {"name": name}).status_code == 404
    assert actions(app)[-2:] == ["backup.create", "backup.download"]


def test_a_backup_from_the_page_goes_where_the_schedule_stores_them(
    app: Flask, admin: Visitor, data_dir: Path, tmp_path: Path
) -> None:
    config = app.extensions["relay_config"]
    settings = BackupSettings(tmp_path / "stored", None)
    app.extensions["relay_config"] = replace(config, backups=settings)
    assert admin.post("/settings/backup").status_code == 303
    with app.app_context():
        mail.outbox().join()
    (path,) = (tmp_path / "stored").iterdir()
    assert path.name.endswith(".backup.gz") and not (data_dir / "backups").exists()
    assert str(tmp_path / "stored") in admin.get("/settings").text


def test_a_backup_that_fails_says_why(app: Flask, admin: Visitor, data_dir: Path) -> None:
    (data_dir / "backups").write_text("a file where the folder should be")
    admin.post("/settings/backup")
    with app.app_context():
        mail.outbox().join()
    assert "The last backup failed." in text_of(admin.get("/settings").text)


def test_one_backup_is_made_at_a_time_and_the_newest_seven_are_kept(
    app: Flask, admin: Visitor, data_dir: Path
) -> None:
    folder = data_dir / "backups"
    folder.mkdir()
    (folder / "killed.part").write_text("x")
    for number in range(9):
        path = folder / f"2026-01-0{number + 1}-000000.relay-backup.gz"
        path.write_text("x")
        os.utime(path, (number, number))
    lock = runs.take_lock(app.extensions["relay_config"])
    assert admin.post("/settings/backup").status_code == 409
    with app.app_context():
        assert on_demand.status().is_running
    os.close(lock)  # as the end of the process does
    with app.app_context():
        assert not on_demand.status().is_running
    assert admin.post("/settings/backup").status_code == 303
    with app.app_context():
        mail.outbox().join()
        assert not on_demand.status().is_running
    left = sorted(path.name for path in folder.iterdir())
    assert len(left) == 7 and left[0] == "2026-01-04-000000.relay-backup.gz"


def test_sensitive_changes_ask_for_the_password_again(app: Flask, admin: Visitor) -> None:
    with app.app_context():
        old = database.now(db.session) - timedelta(minutes=11)
        db.session.execute(update(UserSession).values(proved_at=old))
        db.session.commit()
    for path in ("/settings/backup", "/settings/retention", "/settings/backup/download"):
        assert admin.post(path, {"name": "x"}).status_code == 403, path
    assert "backup.create" not in actions(app)


def test_a_test_mail_says_what_the_server_said(app: Flask, admin: Visitor) -> None:
    assert "No mail server is set up" in admin.get("/settings").text
    app.extensions["relay_config"] = replace(
        app.extensions["relay_config"],
        mail=MailAccount("127.0.0.1", 2525, "none", "", "", "relay@example.com"),
    )
    assert admin.post("/settings/test-mail").status_code == 303
    page = admin.get("/settings")
    assert re.search(r'data-toast="danger"', page.text)
    assert actions(app)[-1] == "mail.test"


def test_the_first_steps_are_hidden_for_everyone_and_can_come_back(
    app: Flask, visit: Callable[..., Visitor]
) -> None:
    admin, viewer = visit("admin"), visit("viewer")
    assert "First steps" in admin.get("/").text and "First steps" not in viewer.get("/").text
    assert viewer.post("/first-steps/hide").status_code == 403
    assert admin.post("/first-steps/hide").status_code == 303
    assert "First steps" not in admin.get("/").text
    assert admin.post("/first-steps/show").status_code == 303
    assert "1 of 7" in admin.get("/").text, "there are two people"
