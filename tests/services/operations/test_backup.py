"""A backup records when it was made, and a restored database knows how old it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from config import Config
from config import database_url as sqlalchemy_url
from relay import create_app, database
from relay.models import AlertEvaluation, Milestone, db
from relay.services.audit import COMMAND_LINE
from relay.services.operations import backup
from tests.support.databases import Databases
from tests.support.env import ENCRYPTION_KEY, SECRET_KEY


@pytest.fixture
def context(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        yield app
        db.session.remove()


@pytest.fixture
def empty(databases: Databases, tmp_path: Path) -> Iterator[Flask]:
    """An application with an empty database, to restore into."""
    url = databases.new_sqlite()
    folder = tmp_path / "restored"
    app = create_app(
        Config(
            folder,
            sqlalchemy_url(url, folder),
            "unix:///nowhere.sock",
            SECRET_KEY,
            (ENCRYPTION_KEY,),
        )
    )
    yield app
    with app.app_context():
        db.engine.dispose()
    databases.remove(url)


def milestone() -> Milestone:
    db.session.expire_all()
    found = db.session.execute(select(Milestone)).scalar_one()
    db.session.commit()  # on SQLite, no other transaction writes before
    return found


def test_each_backup_records_when_it_was_made(context: Flask, tmp_path: Path) -> None:
    first = backup.save(tmp_path / "one.gz")
    assert (milestone().name, milestone().at) == ("backup", first.made_at)
    second = backup.save(tmp_path / "two.gz")
    assert milestone().at == second.made_at > first.made_at
    assert database.now(db.session) - milestone().at < timedelta(minutes=1)


def test_a_failed_backup_records_nothing(context: Flask, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="could not be written"):
        backup.save(tmp_path / "no-folder" / "one.gz")
    assert db.session.scalars(select(Milestone)).all() == []


def test_a_restored_database_has_the_age_of_its_backup(
    context: Flask, empty: Flask, tmp_path: Path
) -> None:
    db.session.add(AlertEvaluation(rule="canary", subject=""))
    db.session.commit()
    backup.save(tmp_path / "one.gz")
    made = backup.save(tmp_path / "two.gz")
    with empty.app_context():
        # the rules of the running processes have already been evaluated there
        db.session.add(AlertEvaluation(rule="canary", subject="site:shop"))
        db.session.commit()
        backup.load(tmp_path / "two.gz", COMMAND_LINE)
        assert milestone().at == made.made_at
        db.session.remove()
