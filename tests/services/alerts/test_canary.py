"""The canary: through real processes, and what becomes of one that does not come through."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from relay import database
from relay.database import READ_ONLY
from relay.delivery import drain, router
from relay.destinations import KINDS
from relay.errors import NotFound
from relay.event_types import CANARY, EVENT_TYPES
from relay.launcher.valkey import Valkey
from relay.models import (
    Attempt,
    CanaryRun,
    Delivery,
    DeliveryMinute,
    Destination,
    Event,
    SigningKey,
    Source,
    Subscription,
    db,
)
from relay.rules.alerts import Reading, ReadingLevel
from relay.rules.lifecycle import State
from relay.rules.states import DestinationState, KeyState
from relay.services import deliveries, event_list, finding, overview
from relay.services.alerts import canary
from relay.services.alerts.readings import Context
from relay.services.alerts.readings import canary as canary_reading
from relay.services.audit import COMMAND_LINE, RELAY
from relay.services.destinations import removal
from relay.services.destinations import settings as destination_settings
from relay.services.events import EventFilter, find_event
from relay.services.operations import gauges, retention
from relay.services.sources import keys
from relay.services.sources import settings as source_settings
from relay.services.subscriptions import settings as subscription_settings
from tests.support.events import comment
from tests.support.network import free_port
from tests.support.sink import Sink
from tests.support.stack import Stack
from tests.support.world import put

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SEND = "from relay.services.alerts import canary; print(canary.send({}))"


def set_url(app: Flask, url: str, minutes: int = 10) -> None:
    config = app.extensions["relay_config"]
    app.extensions["relay_config"] = replace(config, canary_url=url, canary_minutes=minutes)


def make_site(name: str = "Shop") -> int:
    return source_settings.create_source(name, "https://shop.example.com", COMMAND_LINE)[0].id


@pytest.fixture
def site(app: Flask) -> Iterator[int]:
    """A site, in the context of the application."""
    with app.app_context():
        yield make_site()
        db.session.remove()


def only_run() -> CanaryRun:
    db.session.expire_all()
    return db.session.execute(select(CanaryRun)).scalar_one()


def test_a_canary_goes_through_all_processes_and_leaves_no_trace(
    database_url: str, valkey: Valkey, tmp_path: Path
) -> None:
    stack = Stack(tmp_path / "stack", database_url, valkey.url, RELAY_CANARY_MINUTES="1440")
    try:
        stack.start()
        source = stack.make_source()
        stack.flask("destinations", "create", "inbox", "Inbox", "--events", "*", "--json")
        [site] = stack.rows("SELECT id FROM source WHERE slug = :slug", slug=source.slug)
        event_id = stack.python(SEND.format(site["id"])).strip()
        run = stack.wait_for(
            lambda: stack.rows(
                "SELECT * FROM canary_run WHERE arrived_at IS NOT NULL AND accepted_at IS NOT NULL"
            ),
            20,
            "the canary at a worker",
        )
        assert [(row["event_id"], row["error"]) for row in run] == [(event_id, "")]
        assert len(stack.rows("SELECT id FROM event")) == 1  # until a newer one exists
        assert stack.flask("events", "list", "--json")["items"] == []
        shown = stack.flask("sources", "list", "--json")
        assert [one.get("last_event_at") for one in shown["items"]] == [None]
        metrics = stack.http.get(f"{stack.url}/metrics", timeout=10).text
        assert "relay_events_accepted_total 1.0" not in metrics
    finally:
        stack.close()


def test_it_is_signed_with_the_newest_active_key(app: Flask, sink: Sink, site: int) -> None:
    source = db.session.get_one(Source, site)
    keys.rotate_key(source, COMMAND_LINE)
    newest = max(source.keys, key=lambda key: key.id)
    set_url(app, sink.url)
    sink.answer(202)
    event_id = canary.send(site)
    [seen] = sink.wait(1)
    assert seen.path == f"/webhooks/wp/{source.slug}"
    assert seen.headers["x-wp-key-id"] == newest.key_id
    body = seen.json()
    assert body.pop("data") == EVENT_TYPES[CANARY].sample
    assert body == {"event": CANARY, "event_id": event_id, "site": source.url}
    assert only_run().accepted_at is not None


@SQLITE
def test_what_was_not_accepted_is_recorded_with_the_answer(
    app: Flask, sink: Sink, site: int
) -> None:
    set_url(app, sink.url)
    sink.answer(503)
    canary.send(site)
    run = only_run()
    assert run.accepted_at is None
    assert run.error == f"{sink.url}/webhooks/wp/shop responded with status 503"


@SQLITE
def test_an_endpoint_that_does_not_respond_is_recorded(app: Flask, site: int) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    set_url(app, url)
    canary.send(site)
    assert only_run().error.startswith(f"{url}/webhooks/wp/shop did not respond: ")


@SQLITE
@pytest.mark.parametrize("status", [403, 429])
def test_a_limit_of_the_site_is_no_failure(app: Flask, sink: Sink, site: int, status: int) -> None:
    set_url(app, sink.url)
    sink.answer(status)
    canary.send(site)
    run = only_run()
    assert (run.accepted_at, run.error) == (None, "")


@SQLITE
def test_its_own_address_is_called_even_if_private_networks_are_not_allowed(
    app: Flask, sink: Sink, site: int
) -> None:
    set_url(app, sink.url)
    config = app.extensions["relay_config"]
    app.extensions["relay_config"] = replace(
        config, allowed_private_networks=(), outbound_proxy="http://127.0.0.1:1"
    )
    sink.answer(202)
    canary.send(site)
    assert len(sink.requests) == 1


@SQLITE
def test_sites_that_cannot_be_tested_get_none(app: Flask, sink: Sink, site: int) -> None:
    set_url(app, sink.url, minutes=1)
    long_ago = update(Source).values(created_at=datetime(2026, 1, 1, tzinfo=UTC))
    sink.answer(202)
    db.session.execute(long_ago)
    db.session.commit()
    source = db.session.get_one(Source, site)
    source_settings.allow_network(source.slug, "203.0.113.0/24", COMMAND_LINE)
    assert canary.send_due() == 0
    db.session.expire_all()
    source_settings.disallow_network(source.slug, "203.0.113.0/24", COMMAND_LINE)
    key = db.session.execute(select(SigningKey)).scalar_one()
    key.state, key.revoked_at = KeyState.REVOKED, NOW
    db.session.commit()
    assert canary.send_due() == 0
    assert canary.send(site) is None
    key.state = KeyState.ACTIVE
    db.session.commit()
    assert canary.send_due() == 1
    db.session.commit()
    assert canary.send_due() == 0, "its next turn is a minute later"
    assert len(sink.requests) == 1


@SQLITE
def test_it_is_off_by_default(app: Flask, sink: Sink, site: int) -> None:
    set_url(app, sink.url, minutes=0)
    db.session.execute(update(Source).values(created_at=datetime(2026, 1, 1, tzinfo=UTC)))
    db.session.commit()
    assert canary.send_due() == 0
    assert sink.requests == []


@SQLITE
def test_many_sites_are_not_tested_at_once(app: Flask, sink: Sink, site: int) -> None:
    set_url(app, sink.url)
    sink.answer(202)
    for number in range(29):
        make_site(f"Shop {number}")
    db.session.execute(update(Source).values(created_at=datetime(2026, 1, 1, tzinfo=UTC)))
    db.session.commit()
    assert canary.send_due() == 1


@pytest.mark.parametrize("minutes", [1, 10, 1440])
def test_each_site_has_one_turn_per_interval_and_turns_are_spread(minutes: int) -> None:
    seconds = minutes * 60
    first_turns = []
    for site_id in range(1, 101):
        last, turns = NOW, []
        for part in range(300):
            at = NOW + timedelta(seconds=seconds * part / 100)
            if canary.is_due(site_id, last, at, seconds):
                turns.append(part)
                last = at
        assert len(turns) in (2, 3)
        assert turns[1] - turns[0] in (99, 100, 101)
        first_turns.append(turns[0] % 100)
    per_tenth = [sum(part // 10 == tenth for part in first_turns) for tenth in range(10)]
    assert max(per_tenth) <= 13


def put_event(site: int, event_id: str, at: datetime, is_routed: bool = True) -> None:
    key = db.session.execute(select(SigningKey)).scalar_one()
    db.session.add(
        Event(
            source_id=site,
            signing_key_id=key.id,
            event_id=event_id,
            event_type=CANARY,
            site="https://shop.example.com",
            address="127.0.0.1",
            payload=json.dumps({"event": CANARY, "event_id": event_id, "site": "s", "data": {}}),
            body_sha256=bytes(32),
            search_text="",
            received_at=at,
            routed_at=at if is_routed else None,
        )
    )
    db.session.commit()


def count_of(table: type) -> int:
    return db.session.scalar(select(func.count()).select_from(table)) or 0


def start(site: int, event_id: str = "canary-1") -> None:
    """A canary that was accepted and waits for the router."""
    with db.engine.begin() as connection:
        canary.ensure_inbox(connection)
    now = datetime.now(UTC)
    db.session.add(CanaryRun(source_id=site, event_id=event_id, accepted_at=now))
    put_event(site, event_id, now, is_routed=False)


def inbox_id() -> int:
    db.session.rollback()  # on SQLite, its transaction would block this one
    with db.engine.begin() as connection:
        return canary.ensure_inbox(connection)


def test_it_is_claimed_sent_and_settled_by_a_drain_and_leaves_nothing(
    app: Flask, site: int
) -> None:
    destination_settings.create_destination("inbox", "Everything", {}, COMMAND_LINE)
    start(site)
    assert router.route_batch() == 1
    assert canary.receive() == 0
    number, columns = inbox_id(), (Delivery.destination_id, Delivery.state, Delivery.attempts)
    row = db.session.execute(select(*columns)).one()  # one only: to the internal inbox
    assert tuple(row) == (number, State.PENDING, 0)
    db.session.rollback()
    assert drain.run(number) == 1
    row = db.session.execute(select(*columns, Delivery.settled_at)).one()
    assert tuple(row)[:3] == (number, State.DELIVERED, 1)
    settled_at = row.settled_at
    db.session.rollback()
    assert canary.receive() == 1
    assert only_run().arrived_at == settled_at
    db.session.rollback()
    assert canary.receive() == 0, "it is recorded once"
    newest = db.session.scalars(select(Event.id)).one()
    db.session.rollback()
    later = put(app, "shop", comment())
    assert later > newest, "no number is used again"
    assert canary.receive() == 0
    assert count_of(Event) == 1 and db.session.get(Event, newest) is None
    assert [count_of(table) for table in (Delivery, Attempt, DeliveryMinute)] == [0, 0, 0]


@SQLITE
def test_a_canary_of_someone_else_and_of_an_older_router_says_nothing(
    app: Flask, site: int
) -> None:
    now = datetime.now(UTC)
    db.session.add(CanaryRun(source_id=site, event_id="canary-1"))
    put_event(site, "canary-1", now)  # routed without the internal inbox
    put_event(site, "canary-of-someone-else", now)
    assert canary.receive() == 0
    assert (count_of(Event), count_of(CanaryRun)) == (1, 0)


@SQLITE
def test_a_stuck_drain_fires_the_rule_and_a_healthy_one_measures_the_round_trip(
    app: Flask, site: int
) -> None:
    set_url(app, "http://127.0.0.1:1")
    start(site)
    router.route_batch()
    later = datetime.now(UTC) + timedelta(minutes=10)
    stuck = {"drain_token": "hangs", "drain_until": later}  # a drain that neither works nor ends
    db.session.execute(update(Destination).where(Destination.id == inbox_id()).values(**stuck))
    sent = datetime.now(UTC) - timedelta(seconds=90)
    db.session.execute(update(CanaryRun).values(sent_at=sent, accepted_at=sent))
    db.session.commit()

    def reading() -> Reading:
        with db.engine.connect().execution_options(**READ_ONLY) as connection:
            now = database.now(connection)
            config = app.extensions["relay_config"]
            context = Context(connection, now, {"canary": 60.0}, None, config)
            found = {one.subject: one for one in canary_reading.read(context)}
        return found["site:shop"]

    assert drain.run(inbox_id()) == 0
    canary.receive()
    seen = reading()
    assert seen.level is ReadingLevel.FIRING
    assert "not sent: no worker took it from the queue" in seen.sentence
    freed = {"drain_token": None, "drain_until": None}
    db.session.execute(update(Destination).values(**freed))
    db.session.execute(update(CanaryRun).values(sent_at=datetime.now(UTC) - timedelta(seconds=2)))
    db.session.commit()
    assert drain.run(inbox_id()) == 1
    assert canary.receive() == 1
    seen = reading()
    assert seen.level is ReadingLevel.CLEAR and 2 <= seen.value < 30
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        assert 2 <= gauges.canary(connection)[""] < 30


def test_nobody_sees_changes_or_counts_the_internal_inbox(
    app: Flask, site: int, capsys: pytest.CaptureFixture[str]
) -> None:
    own = destination_settings.create_destination("inbox", "Own", {}, COMMAND_LINE)
    start(site)
    router.route_batch()
    number = inbox_id()
    assert [one.id for one in destination_settings.list_destinations().items] == [own.id]
    assert [one.id for one in destination_settings.list_destinations(removed=True).items] == []
    assert [one.id for one in destination_settings.destination_choices()] == [own.id]
    assert [one.id for one in destination_settings.destinations_in_use()] == [own.id]
    for act in (
        lambda: destination_settings.find_destination(number, removed_too=True),
        lambda: destination_settings.pause(canary.NAME, COMMAND_LINE),
        lambda: removal.remove(number, COMMAND_LINE),
        lambda: subscription_settings.find(number, only_subscription(number)),
        lambda: deliveries.find_delivery(only_delivery()),
    ):
        with pytest.raises(NotFound):
            act()
    waiting = overview.load_figures(datetime.now(UTC))
    assert (waiting.waiting, waiting.oldest_due_s) == (0, 0.0)
    assert deliveries.list_deliveries().total == 0
    check_no_event_is_shown()
    assert not any(event_list.count_states().values())
    db.session.rollback()
    drain.run(number)
    assert deliveries.list_deliveries().total == 0
    figures = overview.load_figures(datetime.now(UTC))
    assert (figures.received, figures.delivered) == (0, 0)
    samples = [
        (sample.name, sample.labels, sample.value)
        for metric in gauges.read()
        for sample in metric.samples
        if sample.name in ("relay_deliveries", "relay_destination_pending", "relay_circuit_state")
    ]
    assert {labels.get("destination") for _, labels, _ in samples} == {None, "Own"}
    assert sum(value for name, _, value in samples if name == "relay_deliveries") == 0
    written = capsys.readouterr().err
    assert '"event": "attempt"' not in written
    assert "canary" not in repr(sorted(KINDS))


def check_no_event_is_shown() -> None:
    """In no list, also one that names its type or its id, on no page, and not in the palette."""
    canary_event = db.session.scalars(select(Event)).one()
    texts = (canary_event.event_id, str(canary_event.id))
    for wanted in (
        EventFilter(),
        EventFilter(event_type=CANARY),
        *(EventFilter(text=text) for text in texts),
        *(EventFilter(text=text, event_type=CANARY) for text in texts),
    ):
        assert event_list.list_events(wanted).items == [], wanted
    for text in (*texts, canary_event.id):
        with pytest.raises(NotFound):
            find_event(text)
    assert finding.find("internal", anywhere=True).destinations == []


def only_subscription(destination_id: int) -> int:
    wanted = select(Subscription.id).where(Subscription.destination_id == destination_id)
    return db.session.scalars(wanted).one()


def only_delivery() -> int:
    return db.session.scalars(select(Delivery.id)).one()


@SQLITE
def test_the_internal_inbox_is_made_once_and_active_again_after_a_backup(
    app: Flask, site: int
) -> None:
    number = inbox_id()
    db.session.execute(update(Destination).values(state=DestinationState.PAUSED))
    db.session.commit()
    assert inbox_id() == number
    row = db.session.get_one(Destination, number)
    assert (row.state, count_of(Subscription)) == (DestinationState.ACTIVE, 1)


def test_retention_deletes_runs_and_lost_events_after_two_days(app: Flask, site: int) -> None:
    now = datetime.now(UTC)
    for age in (49, 47):
        at = now - timedelta(hours=age)
        db.session.add(CanaryRun(source_id=site, event_id=f"canary-{age}", sent_at=at))
        put_event(site, f"canary-{age}", at)
    retention.prune(RELAY)
    assert only_run().event_id == "canary-47"
    assert db.session.scalars(select(Event.event_id)).all() == ["canary-47"]


def test_the_latest_times_are_by_site_and_slowest_first(app: Flask, site: int) -> None:
    other, now = make_site("Other"), datetime.now(UTC)
    for run in (
        CanaryRun(source_id=site, event_id="1", sent_at=now - timedelta(seconds=900)),
        CanaryRun(
            source_id=site,
            event_id="2",
            sent_at=now - timedelta(seconds=600),
            arrived_at=now - timedelta(seconds=598),
        ),
        CanaryRun(source_id=other, event_id="3", sent_at=now - timedelta(seconds=300)),
    ):
        db.session.add(run)
        db.session.commit()
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        found = canary.latest(connection)
    assert list(found) == ["other", "shop"]
    assert found["shop"] == pytest.approx(2.0)
    assert 300 <= found["other"] < 360
