"""Drops partitions of events and attempts that are past the retention.  PostgreSQL only.

What is still open in a partition is copied to ``event_kept`` and ``attempt_kept`` before, so an event with
an unresolved delivery keeps its row and its history, and does not keep the rest of its partition.
"""

from __future__ import annotations

# i18n: keep file - SQL
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from relay import database
from relay.models import db
from relay.observability.logging import log
from relay.services.ledger import archive
from relay.services.operations.partitions import LOCK_TIMEOUT_MS, Partition, length, list_partitions
from relay.services.settings import retention as retention_settings

STEP = 20_000  # ids in one transaction
LARGE = 100_000  # events in a partition
BATCH = 5_000  # attempts in one transaction
MOST_STAY = 2_000  # rows that stay: they are copied while events wait
SOON = timedelta(days=1)  # the last attempts of a partition are a little younger than its events
MOST_KEPT = 0.2  # with a larger share that stays, deleting the others costs less

# OFFSET 0: the deliveries are found by their event.  PostgreSQL would read all of them by their id, in the order
# of the dead letters.
OPEN_EVENTS = """
  SELECT event_pk FROM delivery
  WHERE event_pk BETWEEN :first AND :last AND state NOT IN ('delivered', 'discarded')
  UNION
  SELECT d.event_pk FROM dead_letter l JOIN (
    SELECT id, event_pk FROM delivery WHERE event_pk BETWEEN :first AND :last OFFSET 0
  ) d ON d.id = l.delivery_id WHERE l.state <> 'resolved'
"""

# One pass over a window of events and one over their deliveries.  An event stays if it is not past its days,
# not routed, or has something open.  A delivery that is sent again meanwhile is not settled, so it is not
# deleted, and its event is found again before the partition is dropped.
CLEAR = """
WITH open_events AS MATERIALIZED (
  {open_events}
), seen AS MATERIALIZED (
  SELECT e.id, e.source_id, e.event_id, e.event_type, CAST(e.received_at AT TIME ZONE 'UTC' AS date) AS day,
    coalesce(e.wanted, 0) AS wanted, e.routed_at IS NULL OR e.received_at >= {cutoff}
      OR e.id IN (SELECT event_pk FROM open_events) AS stays
  FROM {partition} e WHERE e.id BETWEEN :first AND :last
), settled AS (
  DELETE FROM delivery d USING seen
  WHERE d.event_pk = seen.id AND NOT seen.stays AND d.event_pk BETWEEN :first AND :last
    AND d.state IN ('delivered', 'discarded')
  RETURNING d.id, d.destination_id, d.state, seen.source_id, seen.day, seen.event_type
), letters AS (DELETE FROM dead_letter USING settled WHERE delivery_id = settled.id
), keys AS (
  DELETE FROM event_key WHERE ctid = ANY(ARRAY(
    SELECT k.ctid FROM seen CROSS JOIN LATERAL (
      SELECT ctid FROM event_key k
      WHERE k.event_id = seen.event_id AND k.source_id = seen.source_id AND k.event_pk = seen.id LIMIT 1
    ) k WHERE NOT seen.stays))
), digests AS (DELETE FROM email_digest USING seen WHERE event_pk = seen.id AND NOT seen.stays
), redacted AS (DELETE FROM redacted_event USING seen WHERE event_pk = seen.id AND NOT seen.stays
), archived AS (
  INSERT INTO booked_deliveries AS b (source_id, day, event_type, destination_id, delivered, dead, discarded)
  SELECT source_id, day, event_type, destination_id, count(*) FILTER (WHERE state = 'delivered'), 0,
    count(*) FILTER (WHERE state = 'discarded')
  FROM settled GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
  ON CONFLICT (source_id, day, event_type, destination_id) DO UPDATE
  SET delivered = b.delivered + excluded.delivered, discarded = b.discarded + excluded.discarded
)
SELECT array_agg(id) FILTER (WHERE stays), source_id, day, event_type, count(*) FILTER (WHERE NOT stays),
  count(*) FILTER (WHERE NOT stays AND wanted = 0), coalesce(sum(wanted) FILTER (WHERE NOT stays), 0),
  (SELECT min(id) FROM settled), (SELECT max(id) FROM settled)
FROM seen GROUP BY 2, 3, 4
"""

# A delivery that was sent again has attempts in later partitions, which stay when its event goes.
ORPHANS = """
DELETE FROM {partition} a WHERE delivery_id BETWEEN :first AND :last
AND NOT EXISTS (SELECT FROM delivery d WHERE d.id = a.delivery_id)
"""


@dataclass
class Cleared:
    """A partition of events without what could be deleted.  ``counts`` are what the ledger archives."""

    stay: set[int] = field(default_factory=set)
    events: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    unwanted: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    wanted: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    last: int = 0

    def add(self, rows: Any) -> None:
        for stay, *key, events, unwanted, wanted, _first, _last in rows:
            one = tuple(key)
            self.stay.update(stay or ())
            self.events[one] += events
            self.unwanted[one] += unwanted
            self.wanted[one] += int(wanted)

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        return [
            (*key, count, self.unwanted[key], self.wanted[key])
            for key, count in self.events.items()
        ]


def drop_expired(cutoffs: Mapping[int | None, datetime]) -> int:
    """Drop the partitions that are past ``cutoffs``, the times by source.  -> how many events were deleted

    In short transactions.  While a long query reads the partitions, they stay until the next call.
    """
    with db.engine.connect() as connection:
        events, attempts = (list_partitions(connection, table) for table in ("event", "attempt"))
    count = 0
    try:
        for partition in events[:-2]:  # the last two are in use and ready
            count += _drop_events(partition, _not_dropped(attempts, cutoffs), cutoffs)
        for partition in attempts[:-2]:
            _drop_attempts(partition, cutoffs)
    except OperationalError as exc:
        db.session.rollback()
        log("partitions.wait", level="warning", reason=type(exc.orig).__name__)
    return count


def _not_dropped(attempts: list[Partition], cutoffs: Mapping[int | None, datetime]) -> list[str]:
    """The tables of attempts that are not past their days by SOON."""
    soon: Mapping[int | None, datetime] = {None: cutoffs[None] + SOON}
    with db.engine.connect() as connection:
        found = [one for one in attempts[:-2] if not _is_past(connection, one, "started_at", soon)]
    return ["attempt_kept", *(one.name for one in [*found, *attempts[-2:]])]


def dropped_whole(cutoffs: Mapping[int | None, datetime]) -> list[Partition]:
    """Large partitions with events past ``cutoffs``.  They are dropped when all their events are, which is
    at most one ``partitions.length`` later: deleting their rows one by one costs much more.
    """
    found = []
    with db.engine.connect() as connection:
        most = 2 * length(retention_settings.days(connection).retention_days)
        for one in list_partitions(connection, "event")[:-2]:
            oldest, newest, rows = connection.execute(
                text(
                    f"SELECT min(received_at), max(received_at), max(id) - min(id) FROM {one.name}"  # noqa: S608
                )
            ).one()
            if (
                rows is not None
                and rows >= LARGE
                and oldest < cutoffs[None]
                and newest < oldest + most
                and not _too_many_stay(connection, one, cutoffs)
            ):
                found.append(one)
    return found


def _drop_events(
    partition: Partition, attempts: list[str], cutoffs: Mapping[int | None, datetime]
) -> int:
    """-> how many events were deleted.  Raises OperationalError if a long query reads the partition.

    ``attempts`` are the tables from which their attempts are deleted; the other ones are dropped.
    """
    with db.engine.connect() as connection:
        if not _is_past(connection, partition, "received_at", cutoffs):
            return 0
        if _too_many_stay(connection, partition, cutoffs):
            return 0
    with db.engine.connect() as connection:  # before anything is deleted
        database.limit_lock_wait(connection, LOCK_TIMEOUT_MS)
        connection.execute(text(f"LOCK TABLE {partition.name} IN ACCESS EXCLUSIVE MODE"))
    cleared = _clear(partition, attempts, cutoffs)
    if _are_left(partition, cleared):
        return 0
    _drop(partition, cleared.stay, cleared)
    return sum(cleared.events.values())


def _is_past(
    connection: Connection,
    partition: Partition,
    column: str,
    cutoffs: Mapping[int | None, datetime],
) -> bool:
    newest = connection.scalar(text(f"SELECT max({column}) FROM {partition.name}"))  # noqa: S608
    return newest is None or newest < cutoffs[None]


def _too_many_stay(
    connection: Connection, partition: Partition, cutoffs: Mapping[int | None, datetime]
) -> bool:
    """Whether more events stay than are copied: of sites with more days than the others, open ones,
    or unrouted ones."""
    later = [source for source, at in cutoffs.items() if source is not None and at < cutoffs[None]]
    stay = 0
    if later:
        stay, rows = connection.execute(
            text(
                "SELECT count(*) FILTER (WHERE source_id = ANY(:later)), count(*) "  # noqa: S608
                f"FROM {partition.name}"
            ),
            {"later": later},
        ).one()
        if stay > MOST_KEPT * rows:
            return True
    open_ones = connection.scalar(
        text(
            f"SELECT count(*) FROM (SELECT event_pk FROM ({OPEN_EVENTS}) o UNION ALL "  # noqa: S608
            f"SELECT id FROM {partition.name} WHERE routed_at IS NULL LIMIT {MOST_STAY + 1}) w"
        ),
        {"first": partition.first, "last": partition.end - 1},
    )
    return bool(stay + (open_ones or 0) > MOST_STAY)


def _cutoff_sql(cutoffs: Mapping[int | None, datetime]) -> tuple[str, dict[str, Any]]:
    """The time before which an event is past its days, as an expression of its source."""
    values: dict[str, Any] = {"cutoff": cutoffs[None]}
    whens = ""
    for number, (source, at) in enumerate(cutoffs.items()):
        if source is not None:
            whens += f" WHEN :source_{number} THEN :cutoff_{number}"
            values |= {f"source_{number}": source, f"cutoff_{number}": at}
    return (f"CASE e.source_id{whens} ELSE :cutoff END" if whens else ":cutoff"), values


def _clear(
    partition: Partition, attempts: list[str], cutoffs: Mapping[int | None, datetime]
) -> Cleared:
    """Delete what belongs to the expired events of a partition, a window of ids at a time."""
    expression, values = _cutoff_sql(cutoffs)
    clear = text(CLEAR.format(partition=partition.name, cutoff=expression, open_events=OPEN_EVENTS))
    following = text(
        f"SELECT max(id) FROM (SELECT id FROM {partition.name} WHERE id > :last ORDER BY id LIMIT {STEP}) w"  # noqa: S608
    )
    cleared = Cleared(last=-1)
    while True:
        with db.engine.begin() as connection:
            last = connection.scalar(following, {"last": cleared.last})
            if last is None:
                return cleared
            window = {"first": cleared.last + 1, "last": last}
            rows = connection.execute(clear, window | values).all()
            *_, first_delivery, last_delivery = rows[0]
            if first_delivery is not None:
                for table in attempts:
                    connection.execute(
                        text(ORPHANS.format(partition=table)),
                        {"first": first_delivery, "last": last_delivery},
                    )
            cleared.add(rows)
            cleared.last = last


def _are_left(partition: Partition, cleared: Cleared) -> bool:
    """Whether an event that was to be dropped is being sent again, or came later."""
    with db.engine.connect() as connection:
        left = connection.scalars(
            text("SELECT DISTINCT event_pk FROM delivery WHERE event_pk BETWEEN :first AND :last"),
            {"first": partition.first, "last": cleared.last},
        )
        newest = connection.scalar(text(f"SELECT max(id) FROM {partition.name}"))  # noqa: S608
        return not cleared.stay.issuperset(left) or (newest or -1) > cleared.last


def _drop_attempts(partition: Partition, cutoffs: Mapping[int | None, datetime]) -> None:
    """Drop a partition of attempts; the attempts of deliveries that are still there are kept.

    Where many of them are, the others are deleted alone.
    """
    name = partition.name
    with db.engine.connect() as connection:
        if not _is_past(connection, partition, "started_at", cutoffs):
            return
        first, last, rows = connection.execute(
            text(
                "SELECT min(delivery_id), max(delivery_id), "  # noqa: S608
                f"(SELECT reltuples FROM pg_class WHERE relname = '{name}') FROM {name}"
            )
        ).one()
        most = min(int(max(rows, 1000) * MOST_KEPT), MOST_STAY)
        deliveries = connection.scalars(
            text(
                "SELECT id FROM delivery WHERE id BETWEEN :first AND :last ORDER BY id LIMIT :most"
            ),
            {"first": first, "last": last, "most": most + 1},
        ).all()
    if len(deliveries) > most:
        _delete_orphans(name)
        return
    with db.engine.connect() as connection:
        stay = connection.scalars(
            text(f"SELECT id FROM {name} WHERE delivery_id = ANY(:ids)"),  # noqa: S608
            {"ids": list(deliveries)},
        ).all()
    _drop(partition, set(stay))


def _delete_orphans(name: str) -> None:
    """Delete the attempts of deleted deliveries from one partition, in short transactions."""
    following = text(
        "SELECT max(delivery_id) FROM (SELECT delivery_id FROM "  # noqa: S608
        f"{name} WHERE delivery_id > :last ORDER BY delivery_id LIMIT {BATCH}) w"
    )
    first = -1
    while True:
        with db.engine.begin() as connection:
            last = connection.scalar(following, {"last": first})
            if last is None:
                return
            connection.execute(
                text(ORPHANS.format(partition=name)), {"first": first + 1, "last": last}
            )
            first = last


def _drop(partition: Partition, stay: set[int], cleared: Cleared | None = None) -> None:
    """Drop a partition and keep the rows ``stay``, in one short transaction.  Raises OperationalError.

    A query that reads the table delays it; events wait behind the lock, for LOCK_TIMEOUT_MS at most.
    """
    table, name, ids = partition.table, partition.name, {"ids": sorted(stay)}
    connection = db.session.connection()
    database.limit_lock_wait(connection, LOCK_TIMEOUT_MS)
    connection.execute(text(f"ALTER TABLE {table} DETACH PARTITION {name}"))
    if cleared is not None:
        # the trigger adds the key again with the copied row
        connection.execute(
            text(
                f"DELETE FROM event_key k USING {name} e WHERE e.id = ANY(:ids) "  # noqa: S608
                "AND k.event_id = e.event_id AND k.source_id = e.source_id AND k.event_pk = e.id"
            ),
            ids,
        )
        archive.add_events(cleared.rows)
    connection.execute(
        text(f"INSERT INTO {table}_kept SELECT * FROM {name} WHERE id = ANY(:ids)"),  # noqa: S608
        ids,
    )
    connection.execute(text(f"DROP TABLE {name}"))
    db.session.commit()
    log("partitions.dropped", partition=name, kept=len(stay))
