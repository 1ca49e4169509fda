"""Health checks of the broker, the processes and the data directory, for ``flask doctor``."""

from __future__ import annotations

import os
import shutil
import stat
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

ROLES = ("worker", "scheduler")
DISK_FAIL_BYTES, DISK_WARN_BYTES = 100 * 2**20, 1024 * 2**20


class Level(StrEnum):
    """``warn`` works now but needs attention; ``fail`` does not work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """The result of one check.  ``sentence`` says what was found and what to do."""

    check: str
    level: Level
    sentence: str


def ok(check: str, sentence: str) -> Finding:
    return Finding(check, Level.OK, sentence)


def warn(check: str, sentence: str) -> Finding:
    return Finding(check, Level.WARN, sentence)


def fail(check: str, sentence: str) -> Finding:
    return Finding(check, Level.FAIL, sentence)


def _query(client: Any, command: Callable[[Any], Any]) -> Any:
    """The broker's reply, or None if it does not answer."""
    try:
        return command(client)
    except (RedisError, OSError):
        return None


def check_broker(client: Any) -> list[Finding]:
    """Whether the broker answers and never evicts a message when its memory is full.

    Source: https://redis.io/docs/latest/develop/reference/eviction/
    """
    memory = _query(client, lambda c: c.info("memory"))
    if memory is None:
        return [
            fail(
                "broker",
                "The broker (REDIS_URL) does not answer. Relay still accepts and stores events. "
                "Start the broker: the waiting deliveries are sent within seconds.",
            )
        ]
    return [
        ok("broker", "The broker answers."),
        check_policy(memory.get("maxmemory_policy")),
        check_persistence(client),
    ]


def check_policy(policy: str | None) -> Finding:
    if policy == "noeviction":
        return ok("broker policy", "maxmemory-policy is noeviction.")
    return fail(
        "broker policy",
        f"maxmemory-policy is {policy or 'unknown'}: the broker may drop messages when its memory is full. "
        "Set it to noeviction with CONFIG SET maxmemory-policy noeviction, and in its configuration file.",
    )


def check_persistence(client: Any) -> Finding:
    persistence = _query(client, lambda c: c.info("persistence")) or {}
    if persistence.get("aof_enabled"):
        return ok("broker persistence", "appendonly is on.")
    return ok(
        "broker persistence",
        "appendonly is off. Relay does not need it: the database has all work, and the scheduler sends "
        "the wake-ups again after the broker restarts. Turn it on if other applications use the broker.",
    )


def check_heartbeats(client: Any) -> list[Finding]:
    """Whether workers and schedulers sent a heartbeat within the last 15 s, on any host."""
    keys = _query(client, lambda c: list(c.scan_iter(match="relay:heartbeat:*", count=1000)))
    if keys is None:
        return [
            warn(role, "Unknown while the broker does not answer. Start the broker first.")
            for role in ROLES
        ]
    parts = [(key.decode() if isinstance(key, bytes) else str(key)).split(":") for key in keys]
    alive = Counter(part[2] for part in parts if len(part) > 3)
    return [
        ok(role, f"{alive[role]} running.")
        if alive[role]
        else warn(role, f"No {role} sent a heartbeat in the last 15 s. Start one: see Procfile.")
        for role in ROLES
    ]


def check_data_dir(path: Path) -> Finding:
    """Whether Relay can write to it and only its owner can read the secrets."""
    if not os.access(path, os.W_OK | os.X_OK):
        return fail(
            "data directory", f"Relay cannot write to {path}. Make Relay's user its owner: chown."
        )
    secrets = path / "secrets.env"
    if secrets.exists() and stat.S_IMODE(secrets.stat().st_mode) & 0o077:
        return fail("data directory", f"Other users can read {secrets}. Run: chmod 600 {secrets}")
    if path.stat().st_mode & stat.S_IWOTH:
        return fail("data directory", f"Every user can write to {path}. Run: chmod o-w {path}")
    return ok("data directory", f"{path} is writable and its secrets are private.")


def size(count: int) -> str:
    """Bytes as ``1.5 GiB`` or ``300 MiB``."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def check_disk(path: Path) -> Finding:
    free = shutil.disk_usage(path).free
    if free < DISK_FAIL_BYTES:
        return fail(
            "disk",
            f"Only {size(free)} are free at {path}. Free disk space now, for example with flask prune.",
        )
    if free < DISK_WARN_BYTES:
        return warn(
            "disk",
            f"Only {size(free)} are free at {path}. Free disk space soon, for example with flask prune.",
        )
    return ok("disk", f"{size(free)} are free at {path}.")
