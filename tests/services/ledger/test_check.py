"""The ledger: counts, archived counts, and alerts for differences."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import date, time, timedelta

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update
from sqlalchemy.event import listen, remove

from relay.delivery import router
from relay.errors import Invalid, Refusal
from relay.models import (
    Alert,
    AuditEntry,
    Delivery,
    Event,
    Intake,
    LedgerCheck,
    Rejection,
    Subscription,
    db,
)
from relay.services.alerts import actions
from relay.services.alerts import state as alerts
from relay.services.audit import COMMAND_LINE, By
from relay.services.dead_letters import actions as dead_letter_actions
from relay.services.dead_letters.selection import Selection
from relay.services.destinations import settings as destination_settings
from relay.services.ledger import check as ledger_check
from relay.services.operations import retention
from relay.services.sources import settings as source_settings
from tests.ingest.conftest import Sender, refresh
from tests.services.ledgers import books, line, lines, numbers, open_alerts, pass_days, today
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World, move

JANE = By("jane@example.com")


@pytest.fixture
def world(app: Flask, sink: Sink) -> Iterator[World]:
    """A shop with an inbox and a hook that takes everything; nothing has come yet."""
    with app.app_context():
        source, key, secret = source_settings.create_source(
            "Shop", "https://shop.example.com", COMMAND_LINE
        )
        inbox = destination_settings.create_destination("inbox", "Inbox", {}, COMMAND_LINE)
        config = {"url": f"{sink.url}/hook", "auth": "none"}
        hook = destination_settings.create_destination("webhook", "Hook", config, COMMAND_LINE)
        yield World(source.slug, secret, key.key_id, inbox.id, hook.id, 0, 0)
        db.session.remove()
    app.extensions["relay_ingest"].close()


@pytest.fixture
def sender(app: Flask, world: World) -> Sender:
    return Sender(app, world.slug, world.key_id, world.secret)


def work(app: Flask, world: World) -> None:
    db.session.rollback()
    move(app, world.inbox, world.hook)
    db.session.rollback()


def want(patterns: list[str]) -> None:
    """From now on every destination wants these."""
    db.session.execute(update(Subscription).values(event_types=patterns))
    db.session.commit()


def flush(app: Flask) -> None:
    app.extensions["relay_ingest"].rejections.close()


def test_received_events_appear_in_every_column(
    app: Flask, world: World, sender: Sender, sink: Sink
) -> None:
    first, second = comment(), comment()
    assert [sender.send(one).status_code for one in (first, second, first)] == [202, 202, 200]
    assert sender.send(first | {"data": first["data"] | {"author": "Eve"}}).status_code == 409
    assert (
        sender.send(comment(), path=f"/webhooks/wp/{world.slug}", secret="w" * 40).status_code
        == 401
    )
    flush(app)
    day = today()
    assert numbers(line(day)) == {
        "received": 2, "duplicates": 1, "refused": 2, "events": 2, "unrouted": 2,
    }  # fmt: skip
    sink.answer(400, b"no", path="/hook")
    work(app, world)
    found = line(day)
    assert numbers(found) == {
        "received": 2, "duplicates": 1, "refused": 2, "events": 2, "wanted": 4, "delivered": 2,
        "dead": 2,
    }  # fmt: skip
    assert (found.places[world.inbox].delivered, found.places[world.hook].dead) == (2, 2)


def test_an_event_without_a_subscription_is_unwanted_not_lost(
    app: Flask, world: World, sender: Sender
) -> None:
    want(["order.*"])
    sender.send()
    work(app, world)
    assert numbers(line(today())) == {"received": 1, "events": 1, "unwanted": 1}


def test_duplicates_in_one_commit_count_as_duplicates(app: Flask, sender: Sender) -> None:
    """Requests that come at once share a commit: the count must not depend on how they meet."""
    event = comment()
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(sender.send(event).status_code))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(statuses) == {202: 1, 200: 11}
    assert numbers(line(today())) == {"received": 1, "duplicates": 11, "events": 1, "unrouted": 1}


def test_site_reports_are_in_no_column_and_get_no_delivery(
    app: Flask, world: World, sender: Sender, sink: Sink
) -> None:
    sink.forget()
    data = {"day": "2026-03-01", "until": "2026-03-02T00:20:00Z", "counts": {}, "plugin": "1.0"}
    event = comment(event="relay.report", data=data)
    want(["relay.*", "relay.report", "*"])
    assert [sender.send(event).status_code for _ in range(2)] == [202, 200]
    work(app, world)
    assert lines(today()) == []
    assert sink.requests == []
    kept = db.session.scalars(select(Event)).one()
    assert (kept.routed_at is not None, kept.delivery_count) == (True, 0)


def test_a_replay_of_last_weeks_delivery_shows_on_its_own_day(
    app: Flask, world: World, sender: Sender, sink: Sink
) -> None:
    sink.answer(400, b"no", path="/hook")
    sender.send()
    work(app, world)
    pass_days(7)
    week_ago = today() - timedelta(days=7)
    assert ledger_check.check_day(week_ago).gaps == []
    assert line(week_ago).places[world.hook].dead == 1
    sink.answer(200, b"ok", path="/hook")
    dead_letter_actions.replay(dead_letter_actions.list_letters(Selection()).items[0].id, JANE)
    assert line(week_ago).places[world.hook].waiting == 1
    work(app, world)
    hook = line(week_ago).places[world.hook]
    assert (hook.delivered, hook.dead, hook.wanted) == (1, 0, 1)
    assert lines(today()) == []


def test_pruning_changes_no_number(app: Flask, world: World, sender: Sender, sink: Sink) -> None:
    event = comment()
    for one in (event, event, comment(), comment(event="x.own", data={})):
        sender.send(one)
    sender.send(comment(), path=f"/webhooks/wp/{world.slug}", secret="w" * 40)
    flush(app)
    work(app, world)
    sink.answer(400, b"no", path="/hook")
    sender.send()
    work(app, world)
    pass_days(31)
    day = today() - timedelta(days=31)
    before = line(day)
    assert numbers(before)["dead"] == 1
    assert retention.prune(COMMAND_LINE).events == 3
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(Event)) == 1
    assert db.session.scalar(select(func.count()).select_from(Rejection)) == 0
    db.session.rollback()
    assert line(day) == before
    dead_letter_actions.discard(dead_letter_actions.list_letters(Selection()).items[0].id, JANE)
    assert retention.prune(COMMAND_LINE).events == 1
    db.session.rollback()
    after = numbers(before)
    del after["dead"]
    assert numbers(line(day)) == after | {"discarded": 1}
    assert ledger_check.check_day(day).gaps == []


def test_a_prune_without_a_commit_archives_nothing(
    app: Flask, world: World, sender: Sender
) -> None:
    """Booking and deleting are one transaction: without its commit neither has happened."""
    sender.send()
    work(app, world)
    pass_days(31)
    day = today() - timedelta(days=31)
    before = line(day)

    def cut(_session: object) -> None:
        raise KeyboardInterrupt

    listen(db.session, "before_commit", cut)
    try:
        with pytest.raises(KeyboardInterrupt):
            retention.prune(COMMAND_LINE)
    finally:
        remove(db.session, "before_commit", cut)
    db.session.rollback()
    assert line(day) == before
    retention.prune(COMMAND_LINE)
    db.session.rollback()
    assert line(day) == before


def test_a_missing_event_is_an_alert_until_it_is_restored(
    app: Flask, world: World, sender: Sender
) -> None:
    sender.send()
    sender.send()
    want(["order.*"])
    work(app, world)
    pass_days(1)
    yesterday = today() - timedelta(days=1)
    assert ledger_check.check_day(yesterday).gaps == []
    table = Event.__table__
    found = db.session.execute(select(table).limit(1)).one()
    row = {column.key: found._mapping[column] for column in table.columns}
    db.session.execute(delete(Event).where(Event.id == row["id"]))
    db.session.commit()
    for _ in range(2):  # a second check of the same opens nothing more
        [gap] = ledger_check.check_day(yesterday).gaps
    assert gap.sentence == "2 events were received, and 1 is missing."
    [sentence] = open_alerts()
    assert sentence.startswith("Shop, ") and sentence.endswith(gap.sentence)
    db.session.execute(Event.__table__.insert().values(**row))
    db.session.commit()
    assert ledger_check.check_day(yesterday).gaps == []
    assert open_alerts() == []


def test_a_missing_delivery_is_an_alert(app: Flask, world: World, sender: Sender) -> None:
    sender.send()
    db.session.rollback()
    router.route_batch()
    db.session.execute(delete(Delivery).where(Delivery.destination_id == world.hook))
    db.session.commit()
    pass_days(1)
    [gap] = ledger_check.check_day(today() - timedelta(days=1)).gaps
    assert gap.sentence == "2 deliveries were created, and 1 is missing."


def test_an_event_of_a_closed_day_that_was_never_routed_is_an_alert(sender: Sender) -> None:
    sender.send()
    pass_days(1)
    [gap] = ledger_check.check_day(today() - timedelta(days=1)).gaps
    assert gap.sentence == "1 event was accepted but never routed."
    assert "flask doctor" in gap.advice


def test_an_event_that_ingest_did_not_count_is_an_alert(world: World, sender: Sender) -> None:
    sender.send()
    db.session.execute(update(Intake).values(received=0))
    db.session.commit()
    pass_days(1)
    sentences = [g.sentence for g in ledger_check.check_day(today() - timedelta(days=1)).gaps]
    assert "1 event is stored that ingest did not count." in sentences[0]


def test_a_day_that_is_not_over_cannot_be_checked(world: World) -> None:
    with pytest.raises(Invalid, match="not over"):
        ledger_check.check_day(today())


def test_every_closed_day_is_checked_once_a_night(app: Flask, world: World, sender: Sender) -> None:
    sender.send()
    work(app, world)
    pass_days(3)
    day, midnight = today(), time()
    done = [ledger_check.check_next(midnight) for _ in range(4)]
    assert done == [day - timedelta(days=n) for n in (1, 2, 3)] + [None]
    row = db.session.get_one(LedgerCheck, day - timedelta(days=2))
    row.checked_at -= timedelta(days=1)
    db.session.commit()
    assert ledger_check.check_next(midnight) == day - timedelta(days=2)


def test_nothing_is_checked_before_the_hour(app: Flask, world: World, sender: Sender) -> None:
    sender.send()
    pass_days(1)
    assert ledger_check.check_next(time(23, 59, 59, 999999)) is None


def test_an_acknowledged_alert_needs_attention_again_only_when_it_changes(
    world: World,
) -> None:
    def open_one(sentence: str) -> None:
        alerts.raise_alert("test.kind", "a subject", sentence, "Do something.")
        db.session.commit()

    open_one("One is missing.")
    [alert] = alerts.open_alerts("test.")
    with pytest.raises(Invalid, match="few words"):
        actions.acknowledge(alert.id, "", JANE)
    actions.acknowledge(alert.id, "Restored a backup.", JANE)
    open_one("One is missing.")
    assert alerts.open_alerts(unseen=True) == []
    assert db.session.scalars(select(AuditEntry.action)).all()[-1] == "alert.acknowledge"
    open_one("Two are missing.")
    db.session.expire_all()
    [again] = alerts.open_alerts(unseen=True)
    assert (again.id, again.note, again.acknowledged_by) == (alert.id, "", None)
    alerts.resolve("test.kind", "a subject")
    db.session.commit()
    db.session.expire_all()
    with pytest.raises(Refusal, match="already resolved"):
        actions.acknowledge(alert.id, "Late.", JANE)
    open_one("One is missing.")
    assert db.session.scalar(select(func.count()).select_from(Alert)) == 2


def test_rejections_before_and_after_midnight_are_separate_rows(
    app: Flask, world: World, sender: Sender
) -> None:
    """Alike refusals of a minute share a row, but never over midnight."""
    path = f"/webhooks/wp/{world.slug}"
    sender.send(path=path, secret="w" * 40)
    flush(app)
    # seconds old, and yet of yesterday: the clock is what a test cannot turn, so the row is
    pass_days(1)
    db.session.execute(update(Rejection).values(last_at=Rejection.first_at))
    db.session.commit()
    sender.send(path=path, secret="w" * 40)
    flush(app)
    day = today()
    assert [line(one).refused for one in (day - timedelta(days=1), day)] == [1, 1]


STEPS = (
    *("comment", "own", "repeat", "conflict", "refused", "route", "work", "destroy", "mend"),
    *("replay", "discard", "report", "a day", "a month", "prune", "close", "open"),
)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(st.sampled_from(STEPS), min_size=4, max_size=30))
def test_totals_match_for_random_histories(
    app: Flask, world: World, sender: Sender, sink: Sink, steps: list[str]
) -> None:
    """Each history has a source of its own; what the senders were told is the expectation."""
    source, key, secret = source_settings.create_source("S", "https://s.example.com", COMMAND_LINE)
    refresh(app)
    History(app, world, Sender(app, source.slug, key.key_id, secret), sink, source.id).run(steps)


class History:
    """Does steps, and counts by day what the door answered."""

    def __init__(self, app: Flask, world: World, sender: Sender, sink: Sink, source_id: int):
        self.app, self.world, self.sender, self.sink = app, world, sender, sink
        self.source_id, self.sent = source_id, [comment()]
        self.told: Counter[tuple[date, str]] = Counter()

    def run(self, steps: list[str]) -> None:
        self.sink.answer(200, b"ok", path="/hook")
        for step in steps:
            getattr(self, step.replace(" ", "_"), self._send)(step)
            self._compare()

    def _answer(self, event: dict[str, object], **more: str) -> None:
        status = self.sender.send(
            event, path=f"/webhooks/wp/{self.sender.slug}", **more
        ).status_code
        word = {202: "received", 200: "duplicates"}.get(status, "refused")
        if event["event"] != "relay.report":
            self.told[today(), word] += 1

    def _send(self, step: str) -> None:
        self.sent.append(comment() if step == "comment" else comment(event="x.own", data={}))
        self._answer(self.sent[-1])

    def repeat(self, _: str) -> None:
        self._answer(self.sent[-1])

    def conflict(self, _: str) -> None:
        self._answer(self.sent[-1] | {"data": {**self.sent[-1]["data"], "author": "Eve"}})  # type: ignore[dict-item]

    def refused(self, _: str) -> None:
        self._answer(comment(), secret="w" * 40)

    def report(self, _: str) -> None:
        data = {"day": "2026-03-01", "until": "2026-03-02T00:20:00Z", "counts": {}, "plugin": "1"}
        self._answer(comment(event="relay.report", data=data))

    def route(self, _: str) -> None:
        db.session.rollback()
        router.route_batch()

    def work(self, _: str) -> None:
        work(self.app, self.world)

    def destroy(self, _: str) -> None:
        self.sink.answer(400, b"no", path="/hook")

    def mend(self, _: str) -> None:
        self.sink.answer(200, b"ok", path="/hook")

    def replay(self, _: str) -> None:
        for letter in dead_letter_actions.list_letters(Selection()).items[:1]:
            dead_letter_actions.replay(letter.id, JANE)

    def discard(self, _: str) -> None:
        for letter in dead_letter_actions.list_letters(Selection()).items[:1]:
            dead_letter_actions.discard(letter.id, JANE)

    def a_day(self, _: str) -> None:
        self._pass(1)

    def a_month(self, _: str) -> None:
        self._pass(31)

    def _pass(self, days: int) -> None:
        flush(self.app)
        pass_days(days, self.source_id)
        moved = {(d - timedelta(days=days), w): n for (d, w), n in self.told.items()}
        self.told = Counter(moved)

    def prune(self, _: str) -> None:
        retention.prune(COMMAND_LINE)
        db.session.rollback()

    def close(self, _: str) -> None:
        want(["order.*"])

    def open(self, _: str) -> None:
        want(["*"])

    def _compare(self) -> None:
        flush(self.app)
        db.session.rollback()
        found = books(date(2000, 1, 1), today(), self.source_id)
        for one in found.lines():
            for word in ("received", "duplicates", "refused"):
                assert getattr(one, word) == self.told[one.day, word], (word, one)
            assert one.events == one.received
            assert one.routed + one.unrouted == one.received
            assert one.total.wanted == one.wanted
        assert sum(one.received for one in found.lines()) == sum(
            n for (_, word), n in self.told.items() if word == "received"
        )
        assert ledger_check.gaps_in(found) == []
