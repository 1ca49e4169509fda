"""The picture of a day has every number of the ledger, and bands that fit into their boxes."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

from relay.dashboard.flow import FlowPicture, flow_of
from relay.services.ledger.model import Books, LedgerDestination
from relay.services.ledger.reading import Names, Site

DAY = date(2026, 11, 28)


def names(count: int = 2) -> Names:
    return Names(
        {n: Site(f"site-{n}", f"Site {n}") for n in range(1, count + 1)},
        {n: f"Place {n}" for n in range(1, count + 1)},
    )


def books() -> Books:
    found = Books()
    line = found.line(1, DAY, "order.created")
    line.received = line.events = 12
    line.unwanted, line.unrouted = 1, 1
    line.places = {1: LedgerDestination(delivered=7, waiting=2, dead=1), 2: LedgerDestination(10)}
    found.line(2, DAY, "order.created").places = {1: LedgerDestination(delivered=5)}
    found.refuse(2, DAY, 3)
    return found


def totals(picture: FlowPicture) -> dict[str, int]:
    return {node.label: node.total for node in picture.nodes}


def test_every_number_of_the_ledger_is_in_the_picture_and_the_table() -> None:
    flow = flow_of(books(), names(), DAY, {2: 4})
    assert flow is not None
    assert (
        totals(flow.wide)
        == totals(flow.narrow)
        == {
            "Site 1": 22,
            "Site 2": 12,
            "Place 1": 15,
            "Place 2": 10,
            "Delivered": 22,
            "Pending": 2,
            "Failed": 1,
            "Not routed yet": 1,
            "No destination": 1,
            "Rejected by Relay": 3,
            "Never received": 4,
        }
    )
    assert sum(sum(row.counts.values()) for row in flow.rows) == flow.total == 34
    assert flow.summary == (
        "34 in total, 2 pending, 1 not routed yet, 1 failed, 3 rejected by Relay, 4 never received."
    )


def test_boxes_do_not_overlap_and_lie_within_the_picture() -> None:
    flow = flow_of(books(), names(), DAY, {})
    assert flow is not None
    for picture in (flow.wide, flow.narrow):
        columns = defaultdict(list)
        for node in picture.nodes:
            columns[node.column].append(node)
            assert node.y >= 0 and node.y + node.height <= picture.height
            assert 0 <= node.x <= picture.width - 10
        for column in columns.values():
            for above, below in zip(column, sorted(column, key=lambda n: n.y)[1:], strict=False):
                assert above.y + above.height < below.y


def test_small_sites_are_put_together() -> None:
    many = Books()
    for n in range(1, 21):
        many.line(n, DAY, "order.created").places = {n: LedgerDestination(delivered=n)}
    flow = flow_of(many, names(20), DAY, {})
    assert flow is not None
    found = totals(flow.wide)
    assert found["Other sites"] == found["Others"] == sum(range(1, 13))
    assert found["Site 20"] == 20 and "Site 12" not in found


def test_a_day_without_events_has_no_picture() -> None:
    assert flow_of(Books(), names(), DAY, {}) is None
