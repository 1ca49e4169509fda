"""Check that the migrations create the tables of the models, on SQLite and PostgreSQL, up and down."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def flask(url: str, folder: Path, *words: str) -> None:
    from tests.support.env import relay_env

    done = subprocess.run(
        [sys.executable, "-m", "flask", "db", *words],
        cwd=ROOT,
        env=relay_env(folder, DATABASE_URL=url, REDIS_URL="redis://127.0.0.1:1"),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"flask db {' '.join(words)} failed on {url}:\n{done.stdout}{done.stderr}")


def main() -> None:
    from tests.support.postgres import PostgresServer

    with tempfile.TemporaryDirectory(prefix="relay-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = PostgresServer(folder / "pg")
        server.start()
        try:
            for url in (f"sqlite:///{folder / 'relay.db'}", server.create_database("relay_check")):
                for words in (("upgrade",), ("check",), ("downgrade", "base"), ("upgrade",)):
                    flask(url, folder, *words)
        finally:
            server.stop()
    print("The migrations match the models on SQLite and PostgreSQL.")


if __name__ == "__main__":
    main()
