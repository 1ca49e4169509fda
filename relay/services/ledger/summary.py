"""The ledger as sentences: how many of a day's orders reached a destination."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from relay.i18n import _, ngettext
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
            reached = _(
                "%(done)s of %(events)s from %(day)s reached %(name)s",
                done=figure(delivered),
                events=of_type(self.event_type, expected),
                day=day_words(self.line.day),
                name=self.places[first],
            )
            yield "; ".join([reached, *(self._reached(to) for to in others)]) + "."
        elif self.line.received:
            yield ngettext(
                "%(events)s received on %(day)s; no subscription matches it.",
                "%(events)s received on %(day)s; no subscription matches them.",
                self.line.received,
                events=of_type(self.event_type, self.line.received),
                day=day_words(self.line.day),
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
        return _(
            "%(done)s of %(total)s reached %(name)s",
            done=figure(delivered),
            total=figure(expected),
            name=self.places[destination_id],
        )

    def _site(self, counts: Mapping[str, Any]) -> Iterator[str]:
        waiting = counts["waiting"]
        if self.missing:
            lost = ngettext(
                "%(events)s was counted on the site but never arrived here",
                "%(events)s were counted on the site but never arrived here",
                self.missing,
                events=of_type(self.event_type, self.missing),
            )
            still = _("the site still has %(count)s waiting", count=figure(waiting))
            yield f"{lost}; {still}." if waiting else f"{lost}."  # i18n: keep
        elif waiting:
            yield _("The site still has %(count)s waiting.", count=figure(waiting))
        elif counts["fired"] - counts["dropped"] == self.line.received:
            yield _("The site's count matches.")
        else:
            yield _(
                "The site counted %(count)s on that day and withdrew %(withdrawn)s. Events sent around midnight "
                "count here on the day they arrive.",
                count=figure(counts["fired"]),
                withdrawn=figure(counts["dropped"]),
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
