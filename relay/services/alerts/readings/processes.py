"""What the rules about workers, schedulers and the broker see."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from relay.broker import SEEN_LONGEST_S, heartbeat_key, seen_key
from relay.i18n import N_, _
from relay.lean_redis import RedisError
from relay.models import Lease
from relay.rules.alerts import Reading, ReadingLevel
from relay.services.alerts.readings import Context

READ_RULES = ("broker_unavailable", "no_worker", "no_scheduler")
PROBE_KEY = "relay:alerts:probe"
RESTART = N_(
    "This is on Relay's side. Start the process %(name)s of the Procfile. If it does not stay up, read "
    "the end of its log: the last line says why."
)
WORKER = " ".join(
    (
        RESTART % {"name": "worker"},
        N_("The waiting deliveries are then sent within seconds."),
    )
)
SCHEDULER = " ".join(
    (
        RESTART % {"name": "scheduler"},
        N_(
            "If it runs, its log shows with which task it is busy or that it waits for the database."
        ),
    )
)
BROKER_AWAY = N_(
    "This is on Relay's side. Start the broker, or correct REDIS_URL. Relay still accepts and stores "
    "events; the waiting deliveries are sent within seconds of the broker's return."
)
BROKER_FULL = N_(
    "This is on Relay's side. Raise maxmemory of the broker, or find out which other application fills "
    "it. Relay itself needs a few megabytes. Events are still accepted and stored."
)
BROKER_REFUSES = N_(
    "This is on Relay's side. Read the log of the broker: it refuses to write, for example because "
    "its disk is full, or because it is a read-only replica. Events are still accepted and stored."
)


def read(context: Context) -> Iterator[Reading]:
    """One reading of each of the three rules."""
    broker = _broker(context.broker)
    yield broker
    yield _worker(context, is_away=broker.level is ReadingLevel.FIRING)
    yield _scheduler(context)


def _broker(client: Any) -> Reading:
    try:
        client.ping()
        client.set(PROBE_KEY, 1, ex=60)
    except (RedisError, OSError) as exc:
        sentence, advice = _explain(exc)
        return Reading(
            "broker_unavailable", "", ReadingLevel.FIRING, 1.0, sentence=sentence, advice=advice
        )
    return Reading("broker_unavailable", "", ReadingLevel.CLEAR)


def _explain(exc: Exception) -> tuple[str, str]:
    """-> sentence and advice for an error of the broker's

    Source: https://redis.io/docs/latest/develop/reference/eviction/
    """
    text = str(exc)
    if text.startswith("OOM") or "maxmemory" in text:
        return _(
            "The broker is full, so workers are not woken and deliveries are late."
        ), BROKER_FULL
    if text.startswith(("MISCONF", "READONLY", "NOREPLICAS")) or "read only replica" in text:
        sentence = _("The broker does not store anything, so workers are not woken.")
        return sentence, BROKER_REFUSES
    return _("The broker (REDIS_URL) does not answer, so deliveries are late."), BROKER_AWAY


def _worker(context: Context, is_away: bool) -> Reading:
    try:
        age_s, was_seen = (0.0, False) if is_away else _unseen_s(context.broker, "worker")
    except (RedisError, OSError):
        is_away, age_s, was_seen = True, 0.0, False
    threshold_s = context.thresholds["no_worker"] * 60
    if is_away:  # the broker has the heartbeats, so nothing is known
        return Reading("no_worker", "", ReadingLevel.BETWEEN)
    if age_s < threshold_s:
        # without any heartbeat yet, an open alert stays open until a worker is there
        level = ReadingLevel.CLEAR if was_seen else ReadingLevel.BETWEEN
        return Reading("no_worker", "", level, age_s / 60)
    sentence = _(
        "No worker has sent a heartbeat for %(time)s, so nothing is delivered. "
        "Events are still accepted and stored.",
        time=_minutes(age_s),
    )
    since = context.now - timedelta(seconds=age_s)
    return Reading("no_worker", "", ReadingLevel.FIRING, age_s / 60, sentence, WORKER, since=since)


def _unseen_s(client: Any, role: str) -> tuple[float, bool]:
    """-> for how many seconds no process of the role was seen, and whether one ever was

    The broker counts the time, so the clocks of the hosts do not matter.
    """
    left_ms = client.pttl(seen_key(role))
    if left_ms < 0:  # none yet, or the broker lost its data: count from now
        client.set(seen_key(role), "no", nx=True, ex=SEEN_LONGEST_S)
        left_ms = client.pttl(seen_key(role))
    age_s = max(0.0, SEEN_LONGEST_S - left_ms / 1000)
    was_seen = client.get(seen_key(role)) not in (b"no", "no")
    if was_seen and age_s < 60:
        return age_s, True
    # a process of an earlier version writes its heartbeat alone
    if next(client.scan_iter(match=heartbeat_key(role, "*"), count=1000), None) is not None:
        return 0.0, True
    return age_s, was_seen


def _scheduler(context: Context) -> Reading:
    until: datetime | None = context.connection.scalar(
        select(Lease.until).where(Lease.name == "scheduler")
    )
    late_s = (context.now - until).total_seconds() if until is not None else None
    threshold_s = context.thresholds["no_scheduler"] * 60
    if late_s is not None and late_s < threshold_s:
        level = ReadingLevel.CLEAR if late_s < 0 else ReadingLevel.BETWEEN
        return Reading("no_scheduler", "", level, max(0.0, late_s) / 60)
    sentence = (
        _(
            "No scheduler has done its work for %(time)s, so retries and scheduled tasks wait. New events "
            "are still delivered.",
            time=_minutes(late_s),
        )
        if late_s is not None
        else _(
            "No scheduler has done its work yet, so retries and scheduled tasks wait. New events are still "
            "delivered."
        )
    )
    value = (late_s or 0.0) / 60
    return Reading("no_scheduler", "", ReadingLevel.FIRING, value, sentence, SCHEDULER, since=until)


def _minutes(seconds: float) -> str:
    minutes = int(seconds // 60)
    if minutes >= 120:
        return _("%(count)s hours", count=minutes // 60)
    return "1 minute" if minutes == 1 else _("%(count)s minutes", count=minutes)
