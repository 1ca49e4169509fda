"""What a health check finds, and the checks of the broker and of the processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from relay.broker import heartbeat_key
from relay.i18n import N_, _
from relay.lean_redis import OutOfMemoryError, RedisError, ResponseError

ROLES = ("worker", "scheduler")
NEARLY_FULL = 0.9  # of the broker's maxmemory
DISK_ERROR_BYTES, DISK_WARNING_BYTES = 100 * 2**20, 1024 * 2**20


class Level(StrEnum):
    """A ``warning`` works now but needs attention; an ``error`` does not work."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


SEVEREST_FIRST = (Level.ERROR, Level.WARNING, Level.OK)


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    ``what`` is one sentence: what was found.  ``do`` says what to do now; it is empty for ``ok``.
    ``group`` is the heading under which the dashboard shows it.  ``reason`` is what a driver said, for
    operators only: ``/readyz`` is open to everyone.  ``page`` is the path of the dashboard's page where it
    can be done, and ``on_page`` is said there instead of ``do``, which may name commands.
    """

    check: str
    level: Level
    what: str
    do: str = ""
    group: str = ""
    reason: str = ""
    page: str = ""
    on_page: str = ""

    @property
    def explained(self) -> str:
        """``what``, with the reason."""
        return f"{self.what.rstrip('.')} ({self.reason})." if self.reason else self.what

    @property
    def sentence(self) -> str:
        """``what`` and ``do``, on one line."""
        return f"{self.what} {self.do}".strip()


def ok(check: str, what: str) -> Finding:
    return Finding(check, Level.OK, what)


def warning(check: str, what: str, do: str, page: str = "", on_page: str = "") -> Finding:
    return Finding(check, Level.WARNING, what, do, page=page, on_page=on_page)


def error(check: str, what: str, do: str) -> Finding:
    return Finding(check, Level.ERROR, what, do)


def split_advice(text: str) -> tuple[str, str]:
    """-> the first sentence of ``text``, and the rest: what happened, and what to do."""
    what, dot, do = text.partition(". ")
    return what + dot.strip(), do


def _query(client: Any, command: Callable[[Any], Any]) -> Any:
    """The broker's reply, or None if it does not answer."""
    try:
        return command(client)
    except (RedisError, OSError):
        return None


def check_broker(client: Any) -> list[Finding]:
    """Whether the broker answers, takes writes, and never evicts a message when its memory is full.

    Source: https://redis.io/docs/latest/develop/reference/eviction/
    """
    try:
        memory = client.info("memory")
    except ResponseError as exc:  # it answers: a wrong password, or a command that is not allowed
        return [
            error(
                "broker",
                _("The broker (REDIS_URL) refuses Relay: %(line)s.", line=_line(exc)),
                _(
                    "Correct the user, the password and the permissions in REDIS_URL. Events are stored "
                    "and wait."
                ),
            )
        ]
    except (RedisError, OSError) as exc:
        return [
            error(
                "broker",
                _(
                    "The broker (REDIS_URL) does not answer (%(error)s), so nothing is delivered; "
                    "events are still accepted and stored.",
                    error=type(exc).__name__,
                ),
                _("Start the broker: the waiting deliveries are sent within seconds."),
            )
        ]
    return [
        ok("broker", _("The broker answers.")),
        check_writes(client, memory),
        check_policy(memory.get("maxmemory_policy")),
        check_persistence(client),
    ]


def check_writes(client: Any, memory: dict[str, Any]) -> Finding:
    """Whether the broker takes a write, without writing: SET … XX changes only a key that exists."""
    used, most = int(memory.get("used_memory", 0)), int(memory.get("maxmemory", 0))
    try:
        client.set("relay:doctor", "", xx=True)
    except OutOfMemoryError:
        return error(
            "broker memory",
            _(
                "The broker's memory is full (%(size)s of maxmemory %(most)s), so it refuses "
                "every message and nothing is delivered.",
                size=size(used),
                most=size(most),
            ),
            _(
                "Raise maxmemory with CONFIG SET maxmemory and in its configuration file, or delete what "
                "other applications store there. Workers need no restart."
            ),
        )
    except ResponseError as exc:
        return error(
            "broker memory",
            _("The broker refuses writes: %(line)s.", line=_line(exc)),
            _("Point REDIS_URL to the primary, or fix what the message of the broker names."),
        )
    except (RedisError, OSError) as exc:
        return error(
            "broker memory",
            _("The broker does not answer a write (%(error)s).", error=type(exc).__name__),
            _("Check the load and the log of the broker."),
        )
    if most and used >= most * NEARLY_FULL:
        return warning(
            "broker memory",
            _(
                "The broker uses %(size)s of maxmemory %(most)s; when it is full, nothing is "
                "delivered.",
                size=size(used),
                most=size(most),
            ),
            _("Raise maxmemory of the broker, or delete what other applications store there."),
        )
    if not most:
        text = _("The broker takes writes; it uses %(size)s and has no limit.", size=size(used))
        return ok("broker memory", text)
    return ok(
        "broker memory",
        _(
            "The broker takes writes; it uses %(size)s of maxmemory %(most)s.",
            size=size(used),
            most=size(most),
        ),
    )


def _line(exc: Exception) -> str:
    return " ".join(str(exc).split()).rstrip(".")[:200]


def check_policy(policy: str | None) -> Finding:
    if policy == "noeviction":
        return ok("broker policy", _("maxmemory-policy is noeviction."))
    return error(
        "broker policy",
        _(
            "maxmemory-policy is %(policy)s: the broker may drop messages when its memory is full.",
            policy=policy or _("unknown"),
        ),
        _(
            "Set it to noeviction with CONFIG SET maxmemory-policy noeviction, and in its configuration file."
        ),
    )


def check_persistence(client: Any) -> Finding:
    persistence = _query(client, lambda c: c.info("persistence")) or {}
    if persistence.get("aof_enabled"):
        return ok("broker persistence", _("appendonly is on."))
    return ok(
        "broker persistence",
        _(
            "appendonly is off, and Relay does not need it: the database has all work, and the scheduler "
            "sends the wake-ups again after the broker restarts."
        ),
    )


@dataclass(frozen=True)
class RunningProcess:
    """A worker or scheduler that sent a heartbeat within the last 15 s."""

    role: str
    host: str
    number: str  # of the process on its host


def running_processes(client: Any) -> list[RunningProcess] | None:
    """By role and host.  None if the broker does not answer."""
    keys = _query(client, lambda c: list(c.scan_iter(match=heartbeat_key("*", "*"), count=1000)))
    if keys is None:
        return None
    parts = [(key.decode() if isinstance(key, bytes) else str(key)).split(":") for key in keys]
    found = [
        RunningProcess(part[2], ":".join(part[3:-1]), part[-1]) for part in parts if len(part) > 4
    ]
    return sorted(found, key=lambda one: (one.role, one.host, one.number))


def heartbeats(client: Any) -> dict[str, int] | None:
    """How many processes of each role sent a heartbeat within the last 15 s, on any host.

    None if the broker does not answer.
    """
    keys = _query(client, lambda c: list(c.scan_iter(match=heartbeat_key("*", "*"), count=1000)))
    if keys is None:
        return None
    parts = [(key.decode() if isinstance(key, bytes) else str(key)).split(":") for key in keys]
    alive = Counter(part[2] for part in parts if len(part) > 3)
    return {role: alive[role] for role in ROLES}


def is_broken(broker: list[Finding]) -> bool:
    """Whether these findings of ``check_broker`` explain why no heartbeat is there: it takes no write."""
    return any(
        one.check in ("broker", "broker memory") and one.level is Level.ERROR for one in broker
    )


def check_heartbeats(client: Any) -> list[Finding]:
    """Whether workers and schedulers run; nothing if the broker does not answer, which has its finding."""
    alive = heartbeats(client)
    return [] if alive is None else [heartbeat(role, alive[role]) for role in ROLES]


# the roles of processes in a sentence: one, and many
PROCESSES = (N_("worker"), N_("workers"), N_("scheduler"), N_("schedulers"))


def heartbeat(role: str, count: int) -> Finding:
    """The finding about ``count`` running processes of a role."""
    if count:
        name = role if count == 1 else f"{role}s"
        return ok(
            role,
            _(
                "%(num)s %(processes)s running.",
                num=count,
                processes=_(name),
            ),
        )
    effect = {
        "worker": _("so nothing is delivered"),
        "scheduler": _("so retries and other due work do not start"),
    }[role]
    return warning(
        role,
        _(
            "No %(role)s sent a heartbeat in the last 15 s, %(effect)s.",
            role=_(role),
            effect=effect,
        ),
        _(
            "Start a %(role)s: see Procfile. If one runs, restart it and read its log.",
            role=_(role),
        ),
    )


def size(count: int) -> str:
    """Bytes as ``1.5 GiB``, ``300 MiB`` or ``100 KiB``."""
    if count >= 2**30:
        return f"{count / 2**30:.1f} GiB"
    return f"{count / 2**20:.0f} MiB" if count >= 2**20 else f"{count / 2**10:.0f} KiB"
