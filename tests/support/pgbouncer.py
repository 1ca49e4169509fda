"""A PgBouncer in front of a PostgreSQL of the tests, with the configuration that Debian ships.

Only the addresses, the log, the user list and the pool mode differ from the package's file.
Source: https://www.pgbouncer.org/config.html
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
from pathlib import Path

import psycopg

from relay.launcher.processes import end, spawn
from tests.support.network import free_port, wait_for
from tests.support.postgres import PostgresServer, unprivileged

SHIPPED = Path("/etc/pgbouncer/pgbouncer.ini")


def find_program() -> str:
    """Raises RuntimeError that says what to install."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None or not SHIPPED.exists():
        raise RuntimeError("No PgBouncer for the tests. Install Debian's package pgbouncer.")
    return program


class PgBouncer:
    """``url(name)`` is the address of a database of ``server``, through the pooler.

    ``mode`` is session, transaction or statement; ``settings`` are more lines of its configuration.
    """

    def __init__(self, folder: Path, server: PostgresServer, mode: str, **settings: str):
        self.folder, self.port, self.user = folder, free_port(), unprivileged()
        self.log = folder / "pgbouncer.log"
        folder.mkdir(parents=True)
        self.log.touch()
        (folder / "users.txt").write_text('"relay" ""\n')
        config = configparser.ConfigParser(comment_prefixes=(";", "#"), interpolation=None)
        config.read(SHIPPED)
        config["databases"]["*"] = f"host=127.0.0.1 port={server.port}"
        changes = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(self.port),
            "unix_socket_dir": "",
            "auth_file": str(folder / "users.txt"),
            "auth_type": "trust",
            "logfile": str(self.log),
            "pidfile": str(folder / "pgbouncer.pid"),
            "pool_mode": mode,
            **settings,
        }
        config["pgbouncer"].update(changes)
        with (folder / "pgbouncer.ini").open("w") as file:
            config.write(file)
        if self.user is not None:  # PgBouncer refuses to run as root
            for path in (folder, *folder.iterdir()):
                os.chown(path, self.user, -1)
        self.process: subprocess.Popen[bytes] | None = None

    def url(self, name: str) -> str:
        return f"postgresql://relay@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = spawn(
                [find_program(), str(self.folder / "pgbouncer.ini")], log=log, user=self.user
            )
        wait_for(self._answers, 20, f"PgBouncer, see {self.log}")

    def _answers(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError(f"PgBouncer did not start: {self.log.read_text()[-2000:]}")
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        if self.process is not None:
            end([self.process])
            self.process = None
