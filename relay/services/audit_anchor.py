"""What this host saw at the last check of the audit log, in a file of the data directory.

A person with write access to the database alone could delete every entry and the head: a new chain
would begin, and nothing in the database would show that there was another one.  The file does.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from flask import current_app

from relay.observability.logging import log


@dataclass(frozen=True)
class Anchor:
    """The newest entry at the last check."""

    seq: int
    hash: str


def _path() -> Path:
    path: Path = current_app.extensions["relay_config"].data_dir / "audit-anchor.json"
    return path


def read() -> Anchor | None:
    """What was seen last; None if this host checked nothing yet."""
    try:
        found = json.loads(_path().read_text(encoding="utf-8"))
        return Anchor(int(found["seq"]), str(found["hash"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as exc:
        log("audit.anchor_unreadable", level="warning", error=type(exc).__name__)
        return None


def write(anchor: Anchor) -> None:
    """Remember what was seen.  A host that cannot write to its data directory remembers nothing."""
    part = _path().with_suffix(".part")
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(anchor), file)
        part.replace(_path())
    except OSError as exc:
        log("audit.anchor_not_written", level="warning", error=type(exc).__name__)


def forget() -> None:
    """After a restore, the log of the backup is the right one."""
    with suppress(OSError):
        _path().unlink(missing_ok=True)
