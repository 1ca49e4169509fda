"""An empty, migrated database for each test, in milliseconds: a copy of one that was migrated once."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

from relay.launcher.processes import ROOT
from tests.support.env import relay_env
from tests.support.postgres import PostgresServer

TEMPLATE = "relay_template"


def migrate(url: str, folder: Path) -> None:
    """Bring the database at ``url`` to the newest version, as an operator does."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", "db", "upgrade"],
        cwd=ROOT,
        env=relay_env(folder, DATABASE_URL=url, REDIS_URL="redis://127.0.0.1:1"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


class Databases:
    """Makes and removes databases of both kinds."""

    def __init__(self, folder: Path):
        self.folder, self.numbers = folder, itertools.count(1)
        folder.mkdir(parents=True, exist_ok=True)
        self.templates: set[str] = set()

    def new_sqlite(self) -> str:
        """The URL of an empty, migrated SQLite database.  SQLITE_TEMPLATE names one that exists."""
        template = Path(os.environ.get("SQLITE_TEMPLATE") or self.folder / "template.db")
        if "sqlite" not in self.templates and not template.exists():
            migrate(f"sqlite:///{template}", self.folder / "migrating")
            connection = sqlite3.connect(template)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
            self.templates.add("sqlite")
        path = self.folder / f"relay_{next(self.numbers)}.db"
        shutil.copy(template, path)  # with its permissions
        return f"sqlite:///{path}"

    def new_postgres(self, server: PostgresServer) -> str:
        """The URL of an empty, migrated PostgreSQL database on a running server."""
        server.start()
        if "postgres" not in self.templates:
            server.drop_database(TEMPLATE)  # what a failed migration left
            migrate(server.create_database(TEMPLATE), self.folder / "migrating")
            self.templates.add("postgres")
        return server.create_database(f"relay_{os.getpid()}_{next(self.numbers)}", TEMPLATE)

    def remove(self, url: str, server: PostgresServer | None = None) -> None:
        """Remove a database that ``new_sqlite`` or ``new_postgres`` made."""
        if server is not None:
            server.start()
            server.drop_database(url.rsplit("/", 1)[1])
            return
        path = Path(url.removeprefix("sqlite:///"))
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
            path.with_name(name).unlink(missing_ok=True)
