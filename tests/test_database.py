"""The SQLite file: only its owner can read it."""

from __future__ import annotations

import stat
from pathlib import Path

from sqlalchemy import create_engine

from relay.database import prepare_engine


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
