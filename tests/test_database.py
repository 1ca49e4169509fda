"""The SQLite file: only its owner can read it, and it gets smaller when rows are deleted."""

from __future__ import annotations

import stat
from pathlib import Path

from sqlalchemy import create_engine

from relay.database import forget_deleted, give_back_space, prepare_engine


def modes(folder: Path) -> dict[str, str]:
    return {one.name: f"{stat.S_IMODE(one.stat().st_mode):04o}" for one in folder.iterdir()}


def test_a_new_sqlite_file_and_its_journals_are_private(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'relay.db'}")
    prepare_engine(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE one (id INTEGER)")
        assert modes(tmp_path) == {
            "relay.db": "0600",
            "relay.db-wal": "0600",
            "relay.db-shm": "0600",
        }
    engine.dispose()


def test_a_file_that_exists_is_opened_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "relay.db"
    file.touch(mode=0o640)
    engine = create_engine(f"sqlite:///{file}")
    prepare_engine(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE one (id INTEGER)")
    engine.dispose()
    assert modes(tmp_path)["relay.db"] == "0640"


def test_a_file_gets_smaller_when_rows_are_deleted(tmp_path: Path) -> None:
    file = tmp_path / "relay.db"
    engine = create_engine(f"sqlite:///{file}")
    prepare_engine(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE one (id INTEGER PRIMARY KEY, body BLOB)")
        connection.exec_driver_sql(
            "INSERT INTO one (body) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
            "WHERE i < 3000) SELECT randomblob(4000) FROM n"
        )
    forget_deleted(engine)
    large = file.stat().st_size
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM one")
    give_back_space(engine)
    forget_deleted(engine)
    assert file.stat().st_size < large / 10
    engine.dispose()
