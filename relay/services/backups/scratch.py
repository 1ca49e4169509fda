"""A backup restored to a scratch database (SQLite) and compared with what is in the file."""

from __future__ import annotations

# i18n: keep file - for operators and for the stored reason of a backup that failed
import hashlib
import json
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from sqlalchemy import create_engine

from relay.database import engine_options, prepare_engine
from relay.errors import Refusal
from relay.models import db
from relay.services.operations import backup


class Digests:
    """A number for each table that depends on all its rows, but not on their order."""

    def __init__(self) -> None:
        self.sums: dict[str, int] = defaultdict(int)

    def add(self, table: str, row: dict[str, Any]) -> None:
        text = json.dumps(row, sort_keys=True, ensure_ascii=False)
        self.sums[table] += int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")


def restore_and_compare(file: IO[bytes], name: str, path: Path) -> backup.Done:
    """Restore to a new database at ``path``, which is removed at the end.

    Raises Refusal if the backup is not complete or if a row that was restored differs.
    """
    in_file, restored = Digests(), Digests()

    def noted() -> Iterator[dict[str, Any]]:
        for line in backup.read_lines(file):
            if "row" in line:
                in_file.add(line["table"], line["row"])
            yield line

    url = f"sqlite:///{path}"
    with db.engine.connect() as connection:
        ours = backup.revision(connection)
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    engine = create_engine(url, **engine_options(url))
    prepare_engine(engine)
    try:
        db.metadata.create_all(engine)
        with engine.begin() as connection:
            done = backup.fill(connection, noted(), ours)
        with engine.connect() as connection:
            for table in backup.tables():
                for row in backup.rows_of(connection, table):
                    restored.add(table.name, row)
    except (OSError, EOFError, zlib.error, *backup.NOT_OURS) as exc:
        raise Refusal(f"{name} is not a complete backup of Relay: {exc}.") from exc
    finally:
        engine.dispose()
        for old in path.parent.glob(f"{path.name}*"):
            old.unlink()
    if different := [one for one in done.rows if in_file.sums[one] != restored.sums[one]]:
        raise Refusal(
            f"{name} was restored to a scratch database, but the rows of {', '.join(different)} differ."
        )
    return done
