"""The ledger's numbers: the outcome of every event, by source and UTC day of receipt.

They come from three places: ingest counts what it accepts, the router stores the number of
deliveries with each event, and the deliveries have their states.  Deleted rows are in the archived
counts.  So every number can be counted in a second way, which is what the check does.

``ledger.reading`` reads the numbers, ``ledger.check`` checks them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """Whole UTC days, both included."""

    first: date
    last: date

    @property
    def begin(self) -> datetime:
        return datetime.combine(self.first, time(), UTC)

    @property
    def end(self) -> datetime:
        return datetime.combine(self.last + DAY, time(), UTC)


@dataclass
class LedgerDestination:
    """The states of the deliveries to one destination."""

    delivered: int = 0
    waiting: int = 0
    dead: int = 0
    discarded: int = 0

    @property
    def wanted(self) -> int:
        return self.delivered + self.waiting + self.dead + self.discarded

    def add(self, other: LedgerDestination) -> None:
        for name in PLACES:
            setattr(self, name, getattr(self, name) + getattr(other, name))


PLACES = ("delivered", "waiting", "dead", "discarded")


@dataclass
class LedgerLine:
    """The numbers of a source and day, of one event type or of all.

    ``received`` is the count at ingest, ``events`` the number of stored and archived events;
    ``wanted`` is the number of deliveries that the router wrote, ``places`` their states.
    ``unwanted`` events have no delivery, ``unrouted`` ones are not routed yet.  ``refused`` counts
    requests, so it has no type.
    """

    source_id: int
    day: date
    received: int = 0
    duplicates: int = 0
    refused: int = 0
    events: int = 0
    unrouted: int = 0
    unwanted: int = 0
    wanted: int = 0
    places: dict[int, LedgerDestination] = field(default_factory=dict)

    @property
    def routed(self) -> int:
        return self.events - self.unrouted

    @property
    def total(self) -> LedgerDestination:
        """Over all destinations."""
        total = LedgerDestination()
        for place in self.places.values():
            total.add(place)
        return total

    def place(self, destination_id: int) -> LedgerDestination:
        return self.places.setdefault(destination_id, LedgerDestination())

    def add(self, other: LedgerLine) -> None:
        for name in NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for destination_id, place in other.places.items():
            self.place(destination_id).add(place)


NUMBERS = ("received", "duplicates", "refused", "events", "unrouted", "unwanted", "wanted")
Key = tuple[int, date, str]  # source, day, event type


class Books:
    """All lines of a period, by source, day and event type, read at one moment.

    ``strangers`` are stored rejections from unknown senders.
    """

    def __init__(self) -> None:
        self.by_type: dict[Key, LedgerLine] = {}
        self.refused: dict[tuple[int, date], int] = {}
        self.strangers = 0

    def line(self, source_id: int, day: date, event_type: str) -> LedgerLine:
        return self.by_type.setdefault((source_id, day, event_type), LedgerLine(source_id, day))

    def refuse(self, source_id: int, day: date, count: int) -> None:
        self.refused[source_id, day] = self.refused.get((source_id, day), 0) + count

    def lines(self, also: Iterable[tuple[int, date]] = ()) -> list[LedgerLine]:
        """One a source and day that had anything, and those of ``also``; the newest day first."""
        found = {(source_id, day): LedgerLine(source_id, day) for source_id, day in also}
        for (source_id, day, _), one in self.by_type.items():
            found.setdefault((source_id, day), LedgerLine(source_id, day)).add(one)
        for (source_id, day), count in self.refused.items():
            found.setdefault((source_id, day), LedgerLine(source_id, day)).refused += count
        return [found[key] for key in sorted(found, key=lambda k: (-k[1].toordinal(), k[0]))]
