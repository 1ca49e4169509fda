"""The alert about the database itself: sent without the database, and stored when it is back.

Each process checks the database on its own (``relay.watch``).  After 30 s of failures one of them
sends the message directly through the channels that it has read before.

- On one host the process that locks the data directory is the one that may send.
- Among hosts the broker decides: the first to set RECORD_KEY sends.  It stays for four hours, so the
  message is repeated at most as often.
- If the broker is down too, the scheduler sends, and a minute later any other process of the host.

While the check of any process fails, FAILING_KEY is renewed.  When it has expired, a process that can
use the database takes the record, stores the alert as opened and resolved, and queues one message that
it is resolved.  The record then stays for ten minutes, in which a new failure sends nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from relay import database
from relay.i18n import N_, _
from relay.lean_redis import RedisError
from relay.models import Alert, AlertChannel, AlertEntry, AlertMessage, db
from relay.observability.logging import log
from relay.rules.alerts import REMIND_EVERY_S, RULES
from relay.rules.states import AlertChange, AlertMessageState, Severity
from relay.services.alerts import messages, rules
from relay.services.alerts.channel_call import ChannelAddress, call

RULE = RULES["database_unavailable"]
RECORD_KEY, FAILING_KEY = "relay:alerts:database", "relay:alerts:database:failing"
SETTLED = "settled"
CLAIM_S = 120  # for sending
QUIET_S = 600
OTHERS_WAIT_S = 60.0
RETRY_S = 60.0
ADVICE = N_(
    "This is on Relay's side. Start the database or restore its connection: sites get a 503 and send "
    "their events again, so nothing is lost. flask doctor shows the cause."
)

# Sends a body through a channel now.  -> why it failed, "" if it was sent
Send = Callable[[AlertChannel, dict[str, Any]], str]


@dataclass
class OutageRecord:
    """What was sent about an outage.  Times are ISO 8601 in UTC; ``channels`` are ids."""

    since: str
    opened_at: str
    sentence: str
    channels: list[int] = field(default_factory=list)

    def moment(self, name: str) -> datetime:
        return datetime.fromisoformat(getattr(self, name))


def snapshot_channels() -> list[AlertChannel]:
    """The enabled channels that get this alert, in their order; the others after them, as a reserve.

    Their secrets stay sealed.  Empty while the rule is muted.  Raises SQLAlchemyError.
    """
    with db.engine.connect().execution_options(**database.READ_ONLY) as connection:
        if rules.is_muted(connection, RULE.name, database.now(connection)):
            return []
        rows = connection.execute(
            select(AlertChannel.__table__)
            .where(AlertChannel.enabled)
            .order_by(AlertChannel.position, AlertChannel.id)
        ).mappings()
        return sorted((AlertChannel(**row) for row in rows), key=lambda one: not wants(one))


def wants(channel: AlertChannel) -> bool:
    """Whether the channel gets this alert.  It is critical, so quiet hours do not matter."""
    return not channel.rules or RULE.name in channel.rules


class DatabaseOutage:
    """One per process.  ``observe`` is called with the result of each check, from one thread."""

    def __init__(self, broker: Any, data_dir: Path, role: str, public_url: str, send: Send):
        self.broker, self.data_dir, self.role = broker, data_dir, role
        self.public_url, self.send = public_url, send
        self.channels: Sequence[AlertChannel] = ()
        self.since: datetime | None = None
        self.failed_at: datetime | None = None
        self.retry_at: datetime | None = None
        self.quiet_until: datetime | None = None
        self.record: OutageRecord | None = None
        self.handle: int | None = None
        self.guard = threading.Lock()

    @property
    def is_failing(self) -> bool:
        return self.since is not None

    def observe(self, reason: str | None, now: datetime, may_settle: bool = False) -> None:
        """``reason``: why the database cannot be used, None if it can.

        ``may_settle``: this process settles what another one sent (the holder of the lease does).
        Raises SQLAlchemyError if a settled outage could not be stored; it is tried again.
        """
        with self.guard:
            if reason is not None:
                self._failed(reason, now)
            else:
                self._succeeded(now, may_settle)

    def _failed(self, reason: str, now: datetime) -> None:
        self.since, self.failed_at = self.since or now, now
        self._redis(lambda c: c.set(FAILING_KEY, 1, ex=int(RULE.clear_after_s)))
        elapsed_s = (now - self.since).total_seconds()
        if elapsed_s < RULE.fire_after_s:
            return
        if self.record is not None:
            self._remind(reason, now)
        elif (self.retry_at is None or now >= self.retry_at) and self._claim(now, elapsed_s):
            self._report(reason, now, AlertChange.OPENED)

    def _remind(self, reason: str, now: datetime) -> None:
        assert self.record is not None
        text = json.dumps(asdict(self.record))
        # it was sent while the broker was down
        self._redis(lambda c: c.set(RECORD_KEY, text, nx=True, ex=int(REMIND_EVERY_S)))
        if self.retry_at is None or now >= self.retry_at:
            self._report(reason, now, AlertChange.REMINDER)

    def _claim(self, now: datetime, elapsed_s: float) -> bool:
        """Whether this process sends the message."""
        if self.quiet_until is not None and now < self.quiet_until:
            return False
        if not self._lock():
            return False
        claimed = self._redis(lambda c: bool(c.set(RECORD_KEY, "sending", nx=True, ex=CLAIM_S)))
        if claimed is None:
            claimed = self.role == "scheduler" or elapsed_s >= RULE.fire_after_s + OTHERS_WAIT_S
        if not claimed:
            self._unlock()
        return claimed

    def _report(self, reason: str, now: datetime, change: AlertChange) -> None:
        assert self.since is not None
        sentence = N_("Relay cannot use its database. %(why)s") % {"why": reason}
        body = body_of(change, sentence, self.since, now, self.public_url)
        sent = self._send(body)
        if not sent:
            self.retry_at = now + timedelta(seconds=RETRY_S)
            if self.record is None:
                self._redis(lambda c: c.delete(RECORD_KEY))
                self._unlock()
            return
        since = self.record.since if self.record else self.since.isoformat()
        opened = self.record.opened_at if self.record else now.isoformat()
        known = set(self.record.channels if self.record else ()) | set(sent)
        self.record = OutageRecord(since, opened, sentence, sorted(known))
        # the next message after a reminder is due as long after it
        self.retry_at = now + timedelta(seconds=REMIND_EVERY_S)
        text = json.dumps(asdict(self.record))
        self._redis(lambda c: c.set(RECORD_KEY, text, ex=int(REMIND_EVERY_S) + QUIET_S))

    def _send(self, body: dict[str, Any]) -> list[int]:
        """Send to each channel that wants it; if all of these fail, to the first other that works."""
        sent: list[int] = []
        for channel in self.channels:
            if sent and not wants(channel):
                break
            try:
                error = self.send(channel, body)
            except Exception as exc:  # whatever a channel's code raises, the next one is tried
                error = repr(exc)
            if error:
                log("alerts.not_sent", level="error", channel=channel.name, reason=error)
            else:
                sent.append(channel.id)
        if not self.channels:
            log("alerts.not_sent", level="error", channel="", reason=body["sentence"])
        return sent

    def _succeeded(self, now: datetime, may_settle: bool) -> None:
        was_failing = self.failed_at is not None
        if was_failing and (now - self.failed_at).total_seconds() < RULE.clear_after_s:  # type: ignore[operator]
            return
        if self.record is not None or may_settle:
            self._settle(now)
        self.since = self.failed_at = self.retry_at = None
        is_quiet = self.quiet_until is not None and now < self.quiet_until
        if self.record is None and not is_quiet:
            self.quiet_until = None
            self._unlock()

    def _settle(self, now: datetime) -> None:
        text = self._redis(lambda c: c.get(RECORD_KEY))
        if text is not None and self._redis(lambda c: c.exists(FAILING_KEY)):
            return  # another process still cannot use the database
        record = self.record
        if text is not None and b"{" in _bytes(text):
            # of several processes, only the one that gets the record stores it
            taken = self._redis(lambda c: c.set(RECORD_KEY, SETTLED, get=True, ex=QUIET_S))
            if taken is not None and b"{" in _bytes(taken):
                record = OutageRecord(**json.loads(taken))
            elif taken is not None:
                record = None
        elif text is not None and _bytes(text) == SETTLED.encode():
            record = None
        if record is not None:
            try:
                store(record)
            except Exception:
                kept = json.dumps(asdict(record))
                self._redis(lambda c: c.set(RECORD_KEY, kept, ex=int(REMIND_EVERY_S)))
                raise
        if self.record is not None:
            self.record = None
            self.quiet_until = now + timedelta(seconds=QUIET_S)

    def _redis(self, command: Callable[[Any], Any]) -> Any:
        """The broker's answer, None if it is down or refuses to write (or has nothing to say)."""
        try:
            answer = command(self.broker)
        except (RedisError, OSError):
            return None
        return answer

    def _lock(self) -> bool:
        """Lock the data directory.  This needs no space on its disk; the lock ends with the process."""
        if self.handle is not None:
            return True
        handle = os.open(self.data_dir, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        self.handle = handle
        return True

    def _unlock(self) -> None:
        if self.handle is not None:
            with suppress(OSError):
                os.close(self.handle)
            self.handle = None


def _bytes(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else text


def body_of(
    change: AlertChange, sentence: str, since: datetime, now: datetime, public_url: str
) -> dict[str, Any]:
    """The message, in the form of all messages about alerts; there is no alert with an id yet."""
    return {
        "type": f"alert.{change}",
        "rule": RULE.name,
        "subject": "",
        "sentence": sentence,
        "advice": ADVICE,
        "url": f"{public_url}/alerts",
        "since": messages.iso(since),
        "count": 1,
        "severity": Severity.CRITICAL.value,
        "id": None,
        "opened_at": messages.iso(now),
        "resolved_at": None,
    }


def send_directly(channel: AlertChannel, body: dict[str, Any]) -> str:
    """Send through a channel without the database.  -> why it failed, "" if it was sent"""
    address = ChannelAddress.of(channel)
    result = call(address, f"outage-{body['since']}", body, datetime.now(UTC))
    return result.sentence or ("" if result.ok else _("The channel did not accept the message."))


def store(record: OutageRecord) -> bool:
    """Store an outage that is over, with its timeline, and queue that it is resolved.

    -> False if it was stored before.  Raises SQLAlchemyError.
    """
    since, opened = record.moment("since"), record.moment("opened_at")
    try:
        now = database.now(db.session)
        is_stored = select(Alert.id).where(Alert.rule == RULE.name, Alert.opened_at == opened)
        if db.session.scalar(is_stored) is not None:
            return False
        alert = Alert(
            rule=RULE.name,
            subject="",
            severity=Severity.CRITICAL,
            sentence=record.sentence,
            advice=ADVICE,
            since=since,
            opened_at=opened,
            notified_at=opened,
            resolved_at=now,
            changes=1,
        )
        db.session.add(alert)
        db.session.flush()
        _store_sent(alert, record)
        db.session.add(AlertEntry(alert_id=alert.id, at=now, action="resolved", text=""))
        messages.enqueue(alert, AlertChange.RESOLVED, now)
        db.session.commit()
    finally:
        db.session.rollback()
    log("alerts.database_back", since=record.since)
    return True


def _store_sent(alert: Alert, record: OutageRecord) -> None:
    """The entries and messages of what was sent while nothing could be stored."""
    opened = alert.opened_at
    db.session.add(AlertEntry(alert_id=alert.id, at=opened, action="opened", text=alert.sentence))
    found = db.session.execute(
        select(AlertChannel.id, AlertChannel.name).where(AlertChannel.id.in_(record.channels))
    )
    body = body_of(AlertChange.OPENED, alert.sentence, record.moment("since"), opened, "")
    for channel in found:
        db.session.add(AlertEntry(alert_id=alert.id, at=opened, action="sent", text=channel.name))
        db.session.add(
            AlertMessage(
                key=uuid.uuid4().hex,
                alert_id=alert.id,
                channel_id=channel.id,
                number=1,
                change=AlertChange.OPENED,
                body=body | {"id": alert.id},
                state=AlertMessageState.SENT,
                created_at=opened,
                sent_at=opened,
            )
        )
