"""How Relay is, part by part: each finding says in a sentence what to do."""

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
SCARCE_BYTES, LITTLE_BYTES = 100 * 2**20, 1024 * 2**20


class Level(StrEnum):
    """``warn`` works now and may not for long; ``fail`` does not work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One part, how it is, and a sentence for the operator."""

    check: str
    level: Level
    sentence: str


def ok(check: str, sentence: str) -> Finding:
    return Finding(check, Level.OK, sentence)


def warn(check: str, sentence: str) -> Finding:
    return Finding(check, Level.WARN, sentence)


def fail(check: str, sentence: str) -> Finding:
    return Finding(check, Level.FAIL, sentence)


def _asked(client: Any, question: Callable[[Any], Any]) -> Any:
    """The broker's answer, or None where it does not answer."""
    try:
        return question(client)
    except (RedisError, OSError):
        return None


def check_broker(client: Any) -> list[Finding]:
    """Whether the broker answers and never drops a message to make room.

    Source: https://redis.io/docs/latest/develop/reference/eviction/
    """
    memory = _asked(client, lambda c: c.info("memory"))
    if memory is None:
        return [
            fail(
                "broker",
                "The broker (REDIS_URL) does not answer. Events are still taken and kept; "
                "start it, and what waits goes out within seconds.",
            )
        ]
    return [
        ok("broker", "It answers."),
        check_policy(memory.get("maxmemory_policy")),
        appendonly(client),
    ]


def check_policy(policy: str | None) -> Finding:
    if policy == "noeviction":
        return ok("broker policy", "maxmemory-policy is noeviction.")
    return fail(
        "broker policy",
        f"maxmemory-policy is {policy or 'unknown'}: the broker may drop messages when its memory is full. "
        "Set it to noeviction (CONFIG SET maxmemory-policy noeviction, and in its configuration).",
    )


def appendonly(client: Any) -> Finding:
    persistence = _asked(client, lambda c: c.info("persistence")) or {}
    if persistence.get("aof_enabled"):
        return ok("broker persistence", "appendonly is on.")
    return ok(
        "broker persistence",
        "appendonly is off. Nothing is lost by that: the database holds all work, and after a "
        "restart of the broker the scheduler wakes everything again. Turn it on if others use it too.",
    )


def check_heartbeats(client: Any) -> list[Finding]:
    """Workers and schedulers that gave a sign of life within 15 s, on any host."""
    keys = _asked(client, lambda c: list(c.scan_iter(match="relay:heartbeat:*", count=1000)))
    if keys is None:
        return [warn(role, "Cannot be seen while the broker does not answer.") for role in ROLES]
    parts = [(key.decode() if isinstance(key, bytes) else str(key)).split(":") for key in keys]
    alive = Counter(part[2] for part in parts if len(part) > 3)
    return [
        ok(role, f"{alive[role]} alive.")
        if alive[role]
        else warn(role, f"No {role} gave a sign of life in the last 15 s. Start it: see Procfile.")
        for role in ROLES
    ]


def check_data_dir(path: Path) -> Finding:
    """Writable, and its secrets for the owner's eyes only."""
    if not os.access(path, os.W_OK | os.X_OK):
        return fail("data directory", f"{path} cannot be written to. Give it to Relay's user.")
    kept = path / "secrets.env"
    if kept.exists() and stat.S_IMODE(kept.stat().st_mode) & 0o077:
        return fail("data directory", f"Others can read {kept}. Run: chmod 600 {kept}")
    if path.stat().st_mode & stat.S_IWOTH:
        return fail("data directory", f"Everybody can write to {path}. Run: chmod o-w {path}")
    return ok("data directory", f"{path} is writable and its secrets are private.")


def check_disk(path: Path) -> Finding:
    free = shutil.disk_usage(path).free
    size = f"{free / 2**30:.1f} GiB" if free >= 2**30 else f"{free / 2**20:.0f} MiB"
    if free < SCARCE_BYTES:
        return fail("disk", f"Only {size} are free at {path}. Make room now; flask prune helps.")
    if free < LITTLE_BYTES:
        return warn("disk", f"Only {size} are free at {path}. Make room soon; flask prune helps.")
    return ok("disk", f"{size} are free at {path}.")
