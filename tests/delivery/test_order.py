"""Older changes of an object never arrive after newer ones where that matters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, select

from relay.delivery import drain, router
from relay.destinations import KINDS
from relay.destinations.kinds.webhook import Webhook
from relay.models import Attempt, Delivery, Event, ObjectRevision, db
from relay.rules.changes import OlderChange
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import account as destination_account
from relay.services.destinations import settings as destination_settings
from relay.services.operations import retention
from relay.services.replays import actions as replays
from relay.services.sources import settings as source_settings
from tests.delivery.shop import Shop, open_shop
from tests.support.events import order
from tests.support.fake_hubspot import TOKEN, FakeHubSpot
from tests.support.sink import Answer, Sink
from tests.support.world import move, put

MODE = {"mode": OlderChange.SKIP}


@pytest.fixture(autouse=True)
def mode(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The webhook of these tests treats older changes as HubSpot does."""
    MODE["mode"] = OlderChange.SKIP
    monkeypatch.setattr(Webhook, "older_changes", lambda self, config: MODE["mode"])
    yield


@pytest.fixture
def shop(app: Flask, sink: Sink) -> Shop:
    return open_shop(app, sink, concurrency=8)


def send(shop: Shop, *revisions: int | None, number: int = 7, **fields: Any) -> None:
    """Store changes of one order, with more ``fields``, and write their deliveries."""
    for revision in revisions:
        more = {} if revision is None else {"revision": revision}
        event = order(id=number, note=str(revision)) | {"event": "order.status_changed"} | more
        put(shop.app, shop.slug, event | fields)
    with shop.app.app_context():
        while router.route_batch():
            pass


def arrived(shop: Shop) -> list[tuple[int, Any]]:
    """Order and revision of each request that the receiver got, in this order."""
    bodies = [json.loads(seen.body) for seen in shop.sink.requests]
    return [(body["data"]["id"], body.get("revision")) for body in bodies]


def states(shop: Shop) -> dict[Any, str]:
    """The state of each delivery as pages show it, by revision."""
    with shop.app.app_context():
        rows = db.session.execute(select(Delivery, Event).join(Event)).all()
        return {json.loads(event.payload).get("revision"): one.shown_state for one, event in rows}


def keep(shop: Shop, revision: int) -> None:
    """The newest delivered change is the one with this revision."""
    assert [row.revision for row in shop.rows(ObjectRevision)] == [revision]


def test_an_older_change_that_arrives_later_is_not_sent(shop: Shop) -> None:
    send(shop, 5)
    shop.drain()
    send(shop, 4, 6, None)
    shop.drain()
    assert sorted(arrived(shop), key=str) == [(7, 5), (7, 6), (7, None)]
    assert states(shop) == {5: "delivered", 4: "superseded", 6: "delivered", None: "delivered"}
    keep(shop, 6)
    (row,) = [row for row in shop.rows(Delivery) if row.superseded_by is not None]
    assert row.superseded_by in (5, 6)
    assert row.last_error == "A newer change of this order was already delivered."
    assert len(shop.rows(Attempt)) == 3, "no call was made for it"


def test_changes_of_one_object_are_never_sent_at_the_same_time(shop: Shop) -> None:
    shop.sink.answer(200, b"ok", delay_s=0.05)
    send(shop, 1, 2, 3)
    send(shop, 1, 2, 3, number=8)
    shop.drain()
    assert [one for one in arrived(shop) if one[0] == 7] == [(7, 1), (7, 2), (7, 3)]
    assert [one for one in arrived(shop) if one[0] == 8] == [(8, 1), (8, 2), (8, 3)]
    assert set(arrived(shop)[:2]) == {(7, 1), (8, 1)}, "another order does not wait"


def test_what_overtook_a_failed_change_makes_it_unnecessary(shop: Shop) -> None:
    shop.sink.answers([Answer(503), Answer()])
    send(shop, 1)
    shop.drain()
    send(shop, 2)
    shop.drain()
    shop.make_due()
    shop.drain()
    assert arrived(shop) == [(7, 1), (7, 2)]
    assert states(shop) == {1: "superseded", 2: "delivered"}


def test_a_clock_that_was_ahead_and_corrected_does_not_make_an_older_change_newer(
    shop: Shop,
) -> None:
    shop.sink.answers([Answer(503), Answer()])
    send(shop, 1, occurred_at="2026-03-01T13:00:00+00:00")
    shop.drain()
    send(shop, 2, occurred_at="2026-03-01T12:00:00+00:00")
    shop.drain()
    shop.make_due()
    shop.drain()
    assert arrived(shop) == [(7, 1), (7, 2)]
    assert states(shop) == {1: "superseded", 2: "delivered"}
    keep(shop, 2)


def test_revisions_start_again_after_a_backup_was_restored(shop: Shop) -> None:
    send(shop, 5, occurred_at="2026-03-01T12:00:00+00:00")
    shop.drain()
    for revision in (1, 2):
        send(shop, revision, occurred_at=f"2026-03-02T12:0{revision}:00+00:00")
        shop.drain()
    assert arrived(shop) == [(7, 5), (7, 1), (7, 2)]
    keep(shop, 2)


def test_an_older_change_waits_while_the_outcome_of_a_newer_one_is_unknown(shop: Shop) -> None:
    shop.sink.answers([Answer(503), Answer()])
    send(shop, 2)
    shop.drain()  # the receiver may have taken it
    send(shop, 1)
    shop.drain()
    assert arrived(shop) == [(7, 2)]
    older, newer = sorted(shop.rows(Delivery), key=lambda row: row.attempts)
    assert older.state == "pending" and older.attempts == 0
    assert older.due_at > newer.due_at, "it asks again after the retry of the newer one"
    shop.make_due()
    shop.drain()
    assert arrived(shop) == [(7, 2), (7, 2)]
    assert states(shop) == {1: "superseded", 2: "delivered"}


def test_after_a_newer_change_failed_for_good_the_older_one_is_sent(shop: Shop) -> None:
    shop.sink.answers([Answer(400), Answer()])
    send(shop, 2)
    shop.drain()
    send(shop, 1)
    shop.drain()
    assert arrived(shop) == [(7, 2), (7, 1)]
    assert states(shop) == {1: "delivered", 2: "dead"}


def test_a_worker_that_died_over_a_newer_change_holds_the_older_one_back(shop: Shop) -> None:
    send(shop, 2)
    with shop.app.app_context():
        assert drain.Drain.open(shop.hook) is not None  # it dies here, with the claim
    shop.change(drain_until=None, drain_token=None)
    send(shop, 1)
    shop.drain()
    assert arrived(shop) == []
    assert states(shop) == {1: "pending", 2: "in_flight"}


@pytest.mark.parametrize("newest", ["delivered", "unknown to Relay"])
def test_a_replay_by_hand_of_an_older_change(shop: Shop, newest: str) -> None:
    shop.sink.answers([Answer(400), Answer()])
    send(shop, 1)
    shop.drain()
    if newest == "delivered":
        send(shop, 2)
        shop.drain()
    (old, *_) = shop.rows(Delivery)
    with shop.app.app_context():
        chosen = replays.ReplaySelection(select(Delivery.id).where(Delivery.id == old.id), "one")
        replays.start(chosen, COMMAND_LINE, "token")
    shop.drain()
    if newest == "delivered":
        assert arrived(shop) == [(7, 1), (7, 2)]
        assert states(shop) == {1: "superseded", 2: "delivered"}
    else:
        assert arrived(shop) == [(7, 1), (7, 1)]
        assert states(shop) == {1: "delivered"}


def test_a_replay_of_a_delivered_older_change_stays_delivered(shop: Shop) -> None:
    send(shop, 1, 2)
    shop.drain()
    with shop.app.app_context():
        chosen = replays.ReplaySelection(select(Delivery.id), "both")
        replays.start(chosen, COMMAND_LINE, "token")
    shop.drain()
    assert arrived(shop) == [(7, 1), (7, 2), (7, 2)], "the same change may be sent again"
    assert states(shop) == {1: "delivered", 2: "delivered"}
    assert [row.superseded_by for row in shop.rows(Delivery)] == [2, None]
    with shop.app.app_context():
        db.session.execute(delete(ObjectRevision))  # as after its time
        chosen = replays.ReplaySelection(select(Delivery.id).where(Delivery.id == 1), "one")
        replays.start(chosen, COMMAND_LINE, "again")
    shop.drain()
    assert arrived(shop)[3:] == [(7, 1)]
    assert [row.superseded_by for row in shop.rows(Delivery)] == [None, None]


def test_kinds_that_do_not_care_send_everything_and_store_nothing(shop: Shop) -> None:
    MODE["mode"] = OlderChange.SEND
    send(shop, 5)
    shop.drain()
    send(shop, 4)
    shop.drain()
    assert arrived(shop) == [(7, 5), (7, 4)]
    assert shop.rows(ObjectRevision) == []


def test_revisions_are_kept_as_long_as_an_older_change_could_be_sent(shop: Shop) -> None:
    send(shop, 5)
    send(shop, 5, number=8)
    shop.drain()
    with shop.app.app_context():
        first = db.session.scalars(select(ObjectRevision)).first()
        assert first is not None
        first.updated_at -= timedelta(days=400)
        db.session.commit()
        retention.prune(COMMAND_LINE)
    assert len(shop.rows(ObjectRevision)) == 1


def test_which_kinds_never_take_an_older_change() -> None:
    MODE["mode"] = OlderChange.SEND  # as the webhook really is
    skipping = {name for name, kind in KINDS.items() if kind.older_changes({}) == OlderChange.SKIP}
    assert skipping == {"hubspot", "wordpress"}


def connect_hubspot(app: Flask, hubspot: FakeHubSpot) -> tuple[str, int]:
    """The slug of a site and the number of its HubSpot destination."""
    with app.app_context():
        source, *_ = source_settings.create_source("S", "https://shop.example.com", COMMAND_LINE)
        values = {"token": TOKEN, "base_url": hubspot.url}
        number = destination_settings.create_destination("hubspot", "H", values, COMMAND_LINE).id
        destination_account.refresh(number, COMMAND_LINE)
        return source.slug, number


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_event_for_which_nothing_is_sent_makes_no_older_one_unnecessary(
    app: Flask, hubspot: FakeHubSpot
) -> None:
    slug, number = connect_hubspot(app, hubspot)
    deleted = {"event": "order.deleted", "revision": 2, "data": {"id": 7, "number": "7"}}
    put(app, slug, order(id=7) | deleted)
    move(app, number)
    put(app, slug, order(id=7) | {"event": "order.created", "revision": 1})
    move(app, number)
    assert len(hubspot.deals) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_deal_in_hubspot_never_returns_to_an_earlier_stage(
    app: Flask, hubspot: FakeHubSpot
) -> None:
    slug, number = connect_hubspot(app, hubspot)

    def send(revision: int | None, status: str) -> str:
        more = {} if revision is None else {"revision": revision}
        event = order(id=7, status=status) | {"event": "order.status_changed"} | more
        put(app, slug, event)
        move(app, number)
        (deal,) = hubspot.deals
        return deal["dealstage"]

    opened, won = send(3, "pending"), send(5, "completed")
    assert opened != won
    assert send(4, "on-hold") == won
    assert send(6, "on-hold") == opened, "a newer change"
    assert send(5, "completed") == opened
    assert send(None, "completed") == won, "without a revision, the last one that arrives"
