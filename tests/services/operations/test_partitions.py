"""Partitions of events and attempts on PostgreSQL: ids, duplicates across them, and a restore into them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update

from config import Config
from config import database_url as sqlalchemy_url
from relay import create_app, database
from relay.ingest.store.sql import EventInserter
from relay.models import Event, db
from relay.services.audit import COMMAND_LINE
from relay.services.operations import backup, partitions
from relay.services.sources import settings as source_settings
from tests.support import world
from tests.support.databases import Databases
from tests.support.env import ENCRYPTION_KEY, SECRET_KEY
from tests.support.events import comment
from tests.support.postgres import PostgresServer


@pytest.fixture
def slug(app: Flask) -> Iterator[str]:
    with app.app_context():
        yield source_settings.create_source("Shop", "https://s.example.com", COMMAND_LINE)[0].slug
        db.session.remove()


def names(table: str = "event") -> list[str]:
    with db.engine.connect() as connection:
        return [one.name for one in partitions.list_partitions(connection, table)]


def partition_of(row_id: int) -> str:
    with db.engine.connect() as connection:
        found = connection.execute(
            text("SELECT CAST(tableoid AS regclass) FROM event WHERE id = :id"), {"id": row_id}
        )
        return str(found.scalar_one())


@pytest.mark.parametrize(("days", "length"), [(1, 1), (10, 1), (11, 2), (30, 3), (3650, 365)])
def test_events_of_a_tenth_of_the_retention_share_a_partition(days: int, length: int) -> None:
    assert partitions.length(days) == timedelta(days=length)


@pytest.mark.parametrize(
    ("used", "span"),
    [(0, 10**6), (100_000, 10**6), (100_001, 10**7), (10**6, 10**7), (5 * 10**6, 10**8)],
)
def test_the_next_partition_has_room_for_ten_times_as_many(used: int, span: int) -> None:
    assert partitions.next_span(used) == span


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_sqlite_has_no_partitions(slug: str) -> None:
    assert names() == [] and partitions.extend() is False


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_an_event_sent_again_after_a_new_partition_began_is_a_duplicate(
    app: Flask, slug: str
) -> None:
    source = source_settings.find_source(slug)
    row = {
        "source_id": source.id,
        "signing_key_id": source.keys[0].id,
        "event_id": "same",
        "event_type": "comment.created",
        "site": "https://s.example.com",
        "address": "",
        "payload": "{}",
        "body_sha256": bytes(32),
        "search_text": "",
    }
    db.session.commit()

    def insert(event_id: str) -> list[int]:
        with db.engine.begin() as connection:
            stored = EventInserter.of(connection).insert(connection, [row | {"event_id": event_id}])
            return [row_id for row_id, *_ in stored]

    (first,) = insert("same")
    partitions.begin()
    assert insert("same") == []
    (other,) = insert("other")
    assert (partition_of(first), partition_of(other)) == ("event_p1", "event_p2")
    assert names() == ["event_p1", "event_p2", "event_p3"], "one is ready"
    db.session.execute(text("DELETE FROM event WHERE id = :id"), {"id": first})
    db.session.commit()
    assert len(insert("same")) == 1, "it is deleted, as on SQLite"


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_partition_begins_when_the_present_one_is_old_and_has_enough_rows(
    app: Flask, slug: str
) -> None:
    first = world.put(app, slug, comment())
    assert partitions.extend() is False, "young and small"
    old = database.now(db.session) - timedelta(days=4)
    db.session.execute(update(Event).values(received_at=old))
    db.session.commit()
    assert partitions.extend() is False, "small"
    db.session.execute(text(f"SELECT setval('event_id_seq', {first + partitions.LEAST_ROWS})"))
    db.session.commit()
    assert partitions.extend() is True
    second = world.put(app, slug, comment(event_id="second"))
    assert partition_of(second) == "event_p2"
    assert names("attempt") == ["attempt_p1", "attempt_p2", "attempt_p3"], "together"
    assert partitions.extend() is False, "it has just begun"


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_ids_past_the_last_partition_are_stored_and_a_new_one_begins(app: Flask, slug: str) -> None:
    db.session.execute(text("SELECT setval('event_id_seq', 7500000)"))
    db.session.commit()
    late = world.put(app, slug, comment())
    assert partition_of(late) == "event_kept"
    assert partitions.extend() is True
    assert partition_of(world.put(app, slug, comment(event_id="next"))) == "event_p3"
    assert db.session.get(Event, late) is not None


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_backup_with_large_ids_is_restored_into_partitions(
    app: Flask, slug: str, tmp_path: Path, databases: Databases, postgres_server: PostgresServer
) -> None:
    for number in range(4):
        partitions.begin()
        world.put(app, slug, comment(event_id=f"e{number}"))
    ids = db.session.scalars(select(Event.id).order_by(Event.id)).all()
    db.session.commit()
    backup.save(tmp_path / "one.gz")
    url = databases.new_postgres(postgres_server)
    other = create_app(
        Config(
            tmp_path / "other",
            sqlalchemy_url(url, tmp_path / "other"),
            "unix:///nowhere.sock",
            SECRET_KEY,
            (ENCRYPTION_KEY,),
        )
    )
    with other.app_context():
        backup.load(tmp_path / "one.gz", COMMAND_LINE)
        assert db.session.scalars(select(Event.id).order_by(Event.id)).all() == ids
        assert db.session.scalar(text("SELECT count(*) FROM event_kept")) == 0
        assert db.session.scalar(text("SELECT count(*) FROM event_key")) == 4
        assert db.session.scalar(select(func.max(Event.id))) == ids[-1]
        db.session.remove()
        db.engine.dispose()
    databases.remove(url, postgres_server)
