"""The flow of one day as a picture: from the sites to the destinations, and what the deliveries ended as.

The numbers are the ledger's.  The width of a band is a number of deliveries, so an event for two
destinations counts twice; an event without a destination, or one that Relay never received, counts once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from relay.dashboard.filters import number
from relay.i18n import N_, _
from relay.services.ledger.model import Books
from relay.services.ledger.reading import Names

MOST = 8  # sites, and destinations; the rest are put together
NODE, LABEL, SMALLEST = 10.0, 18.0, 2.0  # a label needs that much from top to bottom
HEIGHT_OF_ROW = 44.0
OUTCOMES = {  # in the order from top to bottom: (label, style)
    "delivered": (N_("Delivered"), "good"),
    "waiting": (N_("Pending"), "held"),
    "dead": (N_("Failed"), "lost"),
    "discarded": (N_("Discarded"), "none"),
    "unrouted": (N_("Not routed yet"), "held"),
    "unwanted": (N_("No destination"), "none"),
    "refused": (N_("Rejected by Relay"), "lost"),
    "missing": (N_("Never received"), "lost"),
}
Missing = Mapping[int, int]  # events that a site counted and Relay did not receive, by source
Key = tuple[int, str]  # column, name


@dataclass
class FlowNode:
    """A box.  ``x``, ``y`` and ``height`` are in the picture's units."""

    column: int
    name: str
    label: str
    style: str = ""
    total: int = 0
    x: float = 0.0
    y: float = 0.0
    height: float = 0.0
    used: dict[str, float] = field(default_factory=lambda: {"in": 0.0, "out": 0.0})


@dataclass(frozen=True)
class FlowBand:
    """A band between two boxes, as the path of an SVG."""

    path: str
    style: str
    title: str


@dataclass(frozen=True)
class FlowRow:
    """A row of the table: from a site to a destination, or to none."""

    site: str
    to: str
    counts: Mapping[str, int]


@dataclass(frozen=True)
class FlowPicture:
    """The picture in one width."""

    width: float
    height: float
    nodes: Sequence[FlowNode]
    bands: Sequence[FlowBand]


@dataclass(frozen=True)
class Flow:
    """The flow of one day; ``results`` has the number of each outcome."""

    day: date
    wide: FlowPicture
    narrow: FlowPicture
    rows: Sequence[FlowRow]
    total: int
    results: Mapping[str, int]

    @property
    def summary(self) -> str:
        return ", ".join([_("%(count)s in total", count=number(self.total)), *self.open]) + "."

    @property
    def open(self) -> list[str]:
        """What someone may have to look at, each as a number and a word."""
        words = (
            ("waiting", N_("%(count)s pending")),
            ("unrouted", N_("%(count)s not routed yet")),
            ("dead", N_("%(count)s failed")),
            ("refused", N_("%(count)s rejected by Relay")),
            ("missing", N_("%(count)s never received")),
        )
        return [
            _(text, count=number(self.results[name]))
            for name, text in words
            if self.results.get(name)
        ]


def flow_of(books: Books, names: Names, day: date, missing: Missing) -> Flow | None:
    """None if nothing happened on that day."""
    rows = _rows(books, names, missing)
    if not rows:
        return None
    links: dict[tuple[Key, Key, str], int] = defaultdict(int)
    labels: dict[Key, tuple[str, str]] = {}
    sites = _largest([(row.site, sum(row.counts.values())) for row in rows], _("Other sites"))
    places = _largest([(row.to, sum(row.counts.values())) for row in rows if row.to], _("Others"))
    for row in rows:
        site = (0, sites[row.site])
        labels[site] = (site[1], "")
        for outcome, count in row.counts.items():
            label, style = OUTCOMES[outcome]
            end = (2, outcome)
            labels[end] = (_(label), style)
            if row.to:
                place = (1, places[row.to])
                labels[place] = (place[1], "")
                links[site, place, ""] += count
                links[place, end, style] += count
            else:
                links[site, end, style] += count
    totals: dict[str, int] = defaultdict(int)
    for row in rows:
        for outcome, count in row.counts.items():
            totals[outcome] += count
    return Flow(
        day,
        _picture(links, labels, 760.0),
        _picture(links, labels, 340.0),
        rows,
        sum(totals.values()),
        totals,
    )


def _rows(books: Books, names: Names, missing: Missing) -> list[FlowRow]:
    found = []
    lines = books.lines()
    known = {line.source_id for line in lines}
    for line in lines:
        site = names.sites[line.source_id].name
        for destination_id, place in line.places.items():
            counts = {
                "delivered": place.delivered,
                "waiting": place.waiting,
                "dead": place.dead,
                "discarded": place.discarded,
            }
            found.append(FlowRow(site, names.places[destination_id], _positive(counts)))
        counts = {
            "unrouted": line.unrouted,
            "unwanted": line.unwanted,
            "refused": line.refused,
            "missing": missing.get(line.source_id, 0),
        }
        found.append(FlowRow(site, "", _positive(counts)))
    for source_id, count in missing.items():
        if source_id not in known and source_id in names.sites:
            found.append(FlowRow(names.sites[source_id].name, "", _positive({"missing": count})))
    return [row for row in found if row.counts]


def _positive(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count > 0}


def _largest(pairs: Sequence[tuple[str, int]], rest: str) -> dict[str, str]:
    """The name under which each is shown: its own for the largest, ``rest`` for the others."""
    sums: dict[str, int] = defaultdict(int)
    for name, count in pairs:
        sums[name] += count
    ranked = sorted(sums, key=lambda name: (-sums[name], name))
    most = MOST if len(ranked) > MOST else len(ranked)
    return {name: name if at < most else rest for at, name in enumerate(ranked)}


def _picture(
    links: Mapping[tuple[Key, Key, str], int], labels: Mapping[Key, tuple[str, str]], width: float
) -> FlowPicture:
    nodes = {key: FlowNode(key[0], key[1], *labels[key]) for key in labels}
    for key, node in nodes.items():
        node.total = max(
            sum(count for (start, _, _), count in links.items() if start == key),
            sum(count for (_, end, _), count in links.items() if end == key),
        )
    order = list(OUTCOMES)
    columns = [
        sorted(
            (node for node in nodes.values() if node.column == column),
            key=lambda node: (
                (order.index(node.name), "") if node.column == 2 else (-node.total, node.name)
            ),
        )
        for column in range(3)
    ]
    height = max(4, *(len(column) for column in columns)) * HEIGHT_OF_ROW
    # one scale for all columns, so that a band is as wide at its end as at its begin
    scale = min(
        (height - LABEL * len(column)) / max(1, sum(node.total for node in column))
        for column in columns
        if column
    )
    for at, column in enumerate(columns):
        spaces = [max(LABEL, node.total * scale) for node in column]
        gap = (height - sum(spaces)) / (len(column) + 1)
        y = gap
        for node, space in zip(column, spaces, strict=True):
            node.x = at * (width - NODE) / 2
            node.height = round(max(SMALLEST, node.total * scale), 1)
            node.y = round(y + (space - node.height) / 2, 1)
            y += space + gap
    return FlowPicture(
        width, round(height, 1), list(nodes.values()), _bands(links, nodes, columns, scale)
    )


def _bands(
    links: Mapping[tuple[Key, Key, str], int],
    nodes: Mapping[Key, FlowNode],
    columns: Sequence[Sequence[FlowNode]],
    scale: float,
) -> list[FlowBand]:
    places = {(node.column, node.name): at for column in columns for at, node in enumerate(column)}
    bands = []
    for (start, end, style), count in sorted(
        links.items(), key=lambda link: (link[0][0][0], places[link[0][0]], places[link[0][1]])
    ):
        one, other = nodes[start], nodes[end]
        thick = max(1.0, count * scale)
        y1, y2 = one.y + one.used["out"], other.y + other.used["in"]
        one.used["out"] += thick
        other.used["in"] += thick
        x1, x2 = one.x + NODE, other.x
        middle = (x1 + x2) / 2
        path = (
            f"M{x1:.1f},{y1:.1f}C{middle:.1f},{y1:.1f} {middle:.1f},{y2:.1f} {x2:.1f},{y2:.1f}"
            f"v{thick:.1f}C{middle:.1f},{y2 + thick:.1f} {middle:.1f},{y1 + thick:.1f} "
            f"{x1:.1f},{y1 + thick:.1f}z"
        )
        title = f"{one.label} → {other.label}: {number(count)}"  # i18n: keep
        bands.append(FlowBand(path, style, title))
    return bands
