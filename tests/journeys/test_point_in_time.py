"""The commands of docs/backup.md bring PostgreSQL back to a moment before a mistake."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import psycopg

from relay.launcher.processes import ROOT
from tests.support.network import free_port, wait_for
from tests.support.postgres import SETTINGS, PostgresServer

PAGE = (ROOT / "docs" / "backup.md").read_text(encoding="utf-8")


def block(kind: str, name: str) -> str:
    found = re.search(rf"<!-- {kind}: {name} -->\n```\n(.*?)```", PAGE, re.DOTALL)
    assert found, f"docs/backup.md has no block {name}"
    return found[1]


def test_the_documented_commands_restore_a_moment(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    folder = Path("/tmp") / f"relay-pitr-{os.getpid()}"  # where PostgreSQL's user may enter
    server = PostgresServer(folder)
    port = free_port()

    def here(text: str) -> str:
        for old, new in (
            ("/var/backups/postgres", f"{folder}/backups"),
            ("/var/lib/postgresql/restored", f"{folder}/restored"),
            ("-p 5433", f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"),
        ):
            text = text.replace(old, new)
        return text

    def run(text: str) -> str:
        path = f"{server.programs}:{os.environ['PATH']}"
        connect = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "relay"}
        done = subprocess.run(
            ["bash", "-euc", here(text)],
            cwd=folder,
            env={"PATH": path, "HOME": str(folder), **connect},
            user=server.user,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    try:
        run(block("run", "archive"))
        with (server.data / "postgresql.conf").open("a") as file:
            file.write(here(block("file", "postgresql.conf")))
            file.write(f"max_connections = {SETTINGS['max_connections']}\n")
        server.start()
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE event AS SELECT 1 AS id")
            run(block("run", "base"))
            (made,) = (folder / "backups" / "base").iterdir()
            connection.execute("INSERT INTO event VALUES (2)")
            row = connection.execute("SELECT clock_timestamp()::text").fetchone()
            assert row is not None
            connection.execute("DELETE FROM event")  # the mistake
            connection.execute("SELECT pg_switch_wal()")

            def is_archived() -> bool:
                found = connection.execute(
                    "SELECT archived_count, failed_count FROM pg_stat_archiver"
                ).fetchone()
                assert found is not None and found[1] == 0, server.log.read_text()[-2000:]
                return found[0] >= 3

            wait_for(is_archived, 30, "the archived log")
        assert "failed_count" in run(block("run", "check"))
        server.stop()

        steps = block("run", "restore")
        assert "2026-03-01" in steps and "2026-03-04 10:15:00+00" in steps
        steps = steps.replace("2026-03-01", made.name).replace(
            "2026-03-04 10:15:00+00", str(row[0])
        )
        run(f"({steps}) >{folder}/restore.log 2>&1 || (cat {folder}/restore.log; false)")
        restored = f"postgresql://relay@127.0.0.1:{port}/postgres"
        with psycopg.connect(restored, autocommit=True) as connection:
            found = connection.execute("SELECT id FROM event ORDER BY id").fetchall()
            assert found == [(1,), (2,)]
            wait_for(
                lambda: connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,),
                30,
                "the end of the recovery",
            )
    finally:
        server.stop()
        if (folder / "restored" / "postmaster.pid").exists():
            run(f"pg_ctl --pgdata={folder}/restored --mode=immediate stop >/dev/null 2>&1")
        subprocess.run(["rm", "-rf", str(folder)], check=True)
