"""The life of a scheduled backup in a folder: made, listed, verified, restored, removed, and failures."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from flask import Flask
from pyrage import x25519
from sqlalchemy import select

from config import Config
from config import database_url as sqlalchemy_url
from relay import create_app
from relay.backup_settings import BackupSettings
from relay.errors import Refusal
from relay.models import AuditEntry, Milestone, Source, db
from relay.services.audit import COMMAND_LINE
from relay.services.backups import places, runs, scratch, sealing
from relay.services.backups.daily import is_due
from relay.services.operations.checks import alerting
from relay.services.sources import settings as source_settings
from tests.support.databases import Databases
from tests.support.env import ENCRYPTION_KEY, SECRET_KEY

PASSPHRASE = "correct horse battery"
KEY = x25519.Identity.generate()  # a passphrase costs a second of CPU each time
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    path = tmp_path / "key.txt"
    path.write_text(f"# the private key\n{KEY}\n")
    return path


@pytest.fixture
def config(app: Flask, folder: Path) -> Iterator[Config]:
    """The settings of an installation with a site, with backups in a folder."""
    with app.app_context():
        source_settings.create_source("Shop", "https://shop.example.com", COMMAND_LINE)
        found: Config = app.extensions["relay_config"]
        recipients = (str(KEY.to_public()),)
        yield replace(found, backups=BackupSettings(folder, None, recipients=recipients))
        db.session.remove()


def actions() -> list[str]:
    found = db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    db.session.rollback()
    return [one for one in found if one.startswith("backup.")]


def backup_finding() -> str:
    db.session.rollback()
    return next(one.what for one in alerting.check() if one.check == "backup")


def test_a_backup_is_made_encrypted_verified_and_removed(
    config: Config, folder: Path, identity: Path
) -> None:
    made = runs.run(config, COMMAND_LINE).made
    assert [one.name for one in runs.list_backups(config)] == [made.name]
    assert made.is_encrypted and sealing.is_sealed(folder / made.name)
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
    assert [path.name for path in runs.spool_of(config).iterdir()] == ["lock"]

    verified = runs.verify(config, "", identity, COMMAND_LINE)
    assert verified.name == made.name and verified.rows > 2
    assert "last verified" in backup_finding()
    with pytest.raises(Refusal, match="There is no backup relay-x"):
        runs.remove(config, "relay-x", COMMAND_LINE)
    runs.remove(config, made.name, COMMAND_LINE)
    assert list(folder.iterdir()) == [] and runs.list_backups(config) == []
    assert actions() == ["backup.create", "backup.verify", "backup.remove"]


@SQLITE
def test_the_encryption_key_of_relay_is_in_no_backup(config: Config, folder: Path) -> None:
    plain = replace(config, backups=BackupSettings(folder, None))
    made = runs.run(plain, COMMAND_LINE).made
    text = gzip.decompress((folder / made.name).read_bytes())
    assert b"sealed_secret" in text
    assert ENCRYPTION_KEY.encode() not in text and SECRET_KEY.encode() not in text


@SQLITE
def test_old_backups_are_removed_with_their_keys(config: Config, folder: Path) -> None:
    folder.mkdir()
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for days in range(1, 60):
        name = places.backup_name(today - timedelta(days=days), True)
        (folder / name).write_bytes(b"")
        (folder / places.key_name(name)).write_bytes(b"")
    (folder / "notes.txt").write_text("mine")
    done = runs.run(config, COMMAND_LINE)
    left = [one.name for one in runs.list_backups(config)]
    assert left[0] == done.made.name
    assert 9 <= len(left) <= 10 and len(done.removed) == 60 - len(left)
    keys = {path.name for path in folder.glob("*.key.age")}
    assert keys == {places.key_name(name) for name in left[1:]}
    assert (folder / "notes.txt").exists(), "only backups are removed"
    assert actions() == ["backup.remove", "backup.create"]


@SQLITE
def test_a_transfer_that_failed_opens_the_alert_and_is_finished_by_the_next_run(
    config: Config, folder: Path
) -> None:
    folder.write_text("not a folder")
    with pytest.raises(Refusal, match=f"cannot write to the folder {folder}"):
        runs.run(config, COMMAND_LINE)
    assert "verification failed: Relay cannot write to the folder" in backup_finding()
    assert actions() == ["backup.fail"]
    (waiting,) = runs.spool_of(config).glob("*.gz.age")

    folder.unlink()
    done = runs.run(config, COMMAND_LINE)
    assert done.continued == [waiting.name]
    assert waiting.name in {one.name for one in runs.list_backups(config)} or (
        waiting.name in done.removed
    ), "of two on one day, the newer one is kept"
    assert backup_finding().startswith("The last backup was made")
    with pytest.raises(Refusal, match="is being made or verified"), runs.spooling(config):
        runs.run(config, COMMAND_LINE)


@SQLITE
def test_another_private_key_is_refused_with_the_name_of_the_backup(
    config: Config, identity: Path, tmp_path: Path
) -> None:
    name = runs.run(config, COMMAND_LINE).made.name
    other = tmp_path / "other-key"
    other.write_text(str(x25519.Identity.generate()))
    with pytest.raises(Refusal, match=rf"does not open {name}\.$"):
        runs.verify(config, "", other, COMMAND_LINE)


@SQLITE
def test_verification_finds_a_row_that_was_not_restored_as_it_was(
    config: Config, identity: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.run(config, COMMAND_LINE)
    real = scratch.backup.rows_of

    def changed(*args: object) -> Iterator[dict[str, object]]:
        for row in real(*args):  # type: ignore[arg-type]
            yield row | ({"name": "Shoq"} if row.get("name") == "Shop" else {})

    monkeypatch.setattr(scratch.backup, "rows_of", changed)
    with pytest.raises(Refusal, match="but the rows of source differ"):
        runs.verify(config, "", identity, COMMAND_LINE)
    monkeypatch.undo()
    assert "the rows of source differ" in backup_finding()
    runs.verify(config, "", identity, COMMAND_LINE)
    assert "the rows of source differ" not in backup_finding()
    assert [path.name for path in runs.spool_of(config).iterdir()] == ["lock"]


@SQLITE
def test_an_encrypted_backup_is_restored_with_its_passphrase(
    config: Config, folder: Path, databases: Databases, tmp_path: Path
) -> None:
    settings = replace(config, backups=BackupSettings(folder, None, PASSPHRASE))
    made = runs.run(settings, COMMAND_LINE).made
    db.session.remove()
    shutil.copytree(folder, tmp_path / "copy")
    url, data = databases.new_sqlite(), tmp_path / "restored"
    settings = Config(
        data, sqlalchemy_url(url, data), "unix:///nowhere.sock", SECRET_KEY, (ENCRYPTION_KEY,)
    )
    app = create_app(settings)
    with app.app_context():
        right = replace(settings, backups=BackupSettings(tmp_path, None, PASSPHRASE))
        runs.restore(right, tmp_path / "copy" / made.name, None, COMMAND_LINE)
        assert db.session.scalars(select(Source.name)).all() == ["Shop"]
        db.session.remove()
        db.engine.dispose()
    databases.remove(url)


def test_a_daily_backup_is_due_once_a_day() -> None:
    at, now = time(2, 30), datetime(2026, 3, 10, 2, 31, tzinfo=UTC)
    assert is_due(None, now, at)
    assert is_due(now - timedelta(hours=23), now, at)
    assert not is_due(now - timedelta(seconds=30), now, at)
    assert not is_due(now - timedelta(hours=23), now - timedelta(minutes=5), at)
    assert is_due(now - timedelta(hours=30), now - timedelta(minutes=5), at), "one was missed"


@SQLITE
def test_a_milestone_of_a_failure_is_not_the_time_of_a_backup(config: Config, folder: Path) -> None:
    folder.write_text("not a folder")
    with pytest.raises(Refusal):
        runs.run(config, COMMAND_LINE)
    assert db.session.scalars(select(Milestone.name)).all() == ["backup_failed"]
