"""The ledger as sentences: how many of a day's orders reached a destination."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from relay.services.ledger import site_reports
from relay.services.ledger.labels import day_words, figure, of_type
from relay.services.ledger.model import Books, LedgerLine, Period
from relay.services.ledger.reading import Names

Facts = dict[tuple[int, date], list[str]]  # by source and day


@dataclass(frozen=True)
class Fact:
    """One event type of one source and day.  ``counts`` are the site's own, if it reported."""

    event_type: str
    line: LedgerLine
    counts: Mapping[str, Any] | None
    missing: int
    places: Mapping[int, str]

    def sentences(self) -> Iterator[str]:
        """Whole sentences, the one about the destinations first."""
        if self.line.places:
            first, *others = sorted(self.line.places)
            delivered, expected = self._counts(first)
            yield (
                "; ".join(
                    [
                        f"{figure(delivered)} of {of_type(self.event_type, expected)} from "
                        f"{day_words(self.line.day)} reached {self.places[first]}",
                        *(self._reached(to) for to in others),
                    ]
                )
                + "."
            )
        elif self.line.received:
            yield (
                f"{of_type(self.event_type, self.line.received)} received on {day_words(self.line.day)}; "
                f"no subscription matches {'it' if self.line.received == 1 else 'them'}."
            )
        if self.counts is not None:
            yield from self._site(self.counts)

    def _counts(self, destination_id: int) -> tuple[int, int]:
        """-> (delivered, expected)"""
        place = self.line.places[destination_id]
        # a destination that gets all events of a type would have got the missing ones too
        expected = place.wanted + (self.missing if place.wanted == self.line.events else 0)
        return place.delivered, expected

    def _reached(self, destination_id: int) -> str:
        delivered, expected = self._counts(destination_id)
        name = self.places[destination_id]
        return f"{figure(delivered)} of {figure(expected)} reached {name}"

    def _site(self, counts: Mapping[str, Any]) -> Iterator[str]:
        waiting = counts["waiting"]
        still = f"the site still has {figure(waiting)} waiting" if waiting else ""
        if self.missing:
            were = "was" if self.missing == 1 else "were"
            lost = f"{of_type(self.event_type, self.missing)} {were} counted on the site but never arrived here"
            yield f"{lost}; {still}." if still else f"{lost}."
        elif still:
            yield f"T{still[1:]}."
        elif counts["fired"] - counts["dropped"] == self.line.received:
            yield "The site's count matches."
        else:
            yield (
                f"The site counted {figure(counts['fired'])} on that day and withdrew "
                f"{figure(counts['dropped'])}. Events sent around midnight count here on the day they arrive."
            )


def facts(books: Books, period: Period, names: Names, source_id: int | None = None) -> Facts:
    """By source and day, a text for each type that was received or reported."""
    sources = {source_id} if source_id is not None else site_reports.reporting(period)
    told = site_reports.latest(sources, period)
    missing = site_reports.missing_now(sources)
    keys = set(books.by_type) | {
        (source, day, kind) for (source, day), counts in told.items() for kind in counts
    }
    found: Facts = {}
    for source, day, kind in sorted(keys):
        counts = told.get((source, day), {}).get(kind)
        line = books.by_type.get((source, day, kind), LedgerLine(source, day))
        lost = missing.get(source, {}).get((kind, day), 0)
        fact = Fact(kind, line, counts, lost, names.places)
        if told_of := " ".join(fact.sentences()):
            found.setdefault((source, day), []).append(told_of)
    return found
