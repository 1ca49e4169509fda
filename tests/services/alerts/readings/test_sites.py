"""What the rules about sites see, and in how many statements."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event as sqlalchemy_event

from relay import database
from relay.database import READ_ONLY
from relay.ingest.refusals import RefusalCode
from relay.models import Intake, SiteReport, Source, db
from relay.rules.alerts import RULES, Reading, ReadingLevel
from relay.services.alerts.event_hours import hour_start
from relay.services.alerts.readings import Context, sites
from relay.services.audit import COMMAND_LINE
from relay.services.sources import keys, removal
from tests.services.alerts.sites import add_events, add_hours, count_until, reject, site

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOW = datetime(2026, 3, 11, 12, 30, tzinfo=UTC)  # a Wednesday
FIRING = ReadingLevel.FIRING


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield
        db.session.remove()


def read(
    app: Flask, now: datetime = NOW, counted: datetime | None = None, **thresholds: float
) -> list[Reading]:
    """What the rules see at ``now``, with the events counted up to ``counted`` or this hour."""
    count_until(counted or hour_start(now))
    defaults = {name: rule.threshold for name, rule in RULES.items() if rule.threshold is not None}
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        return list(
            sites.read(
                Context(
                    connection,
                    now,
                    defaults | thresholds,
                    None,
                    app.extensions["relay_config"],
                )
            )
        )


def firing(app: Flask, now: datetime = NOW, **thresholds: float) -> dict[tuple[str, str], Reading]:
    return {
        (one.rule, one.subject): one for one in read(app, now, **thresholds) if one.level is FIRING
    }


def working_hours(until: datetime, weeks: int = 6, per_hour: int = 2) -> list[datetime]:
    """Each hour from 8:00 to 17:00 UTC of the weekdays before ``until``."""
    first = hour_start(until) - timedelta(weeks=weeks)
    hours = (first + number * HOUR for number in range(weeks * 168))
    return [at for at in hours if 8 <= at.hour < 18 and at.weekday() < 5]


def quiet_shop(last: datetime, **fields: Any) -> Source:
    """A shop with two leads in each working hour, the last one at ``last``."""
    source, key = site()
    add_hours(source, [*working_hours(hour_start(last)), hour_start(last)], 2)
    add_events(source, key, [last - timedelta(minutes=5), last], **fields)
    return source


# ---- silent_site ---------------------------------------------------------------------------------


def test_a_site_that_stopped_is_reported_with_the_time_of_its_last_event(app: Flask) -> None:
    source = quiet_shop(NOW.replace(hour=8, minute=3), timezone="Europe/Vienna")
    assert firing(app, NOW.replace(hour=10, minute=0)) == {}, "four were to be expected"
    (found,) = firing(app, NOW + 3 * HOUR).values()
    assert (found.rule, found.subject) == ("silent_site", f"site:{source.slug}:lead.created")
    assert found.sentence == (
        "Shop has sent no leads since 09:03 today (Europe/Vienna). About "
        f"{found.count} were to be expected since then, at these times of the week."
    )
    assert 10 <= found.count <= 17 and found.value == pytest.approx(found.count, abs=0.5)
    assert found.since == NOW.replace(hour=8, minute=3)
    assert found.path == "/sources/shop"
    assert found.advice.startswith("Choose Send a test event under Settings → Relay on the site.")
    assert "Fill in the form on the site" in found.advice


def test_a_night_is_not_silence_and_the_next_morning_is(app: Flask) -> None:
    last = NOW.replace(hour=17, minute=50) - DAY
    quiet_shop(last)
    assert firing(app, NOW.replace(hour=8, minute=30)) == {}
    (found,) = firing(app, NOW + 3 * HOUR).values()
    assert "since 17:50 UTC yesterday" in found.sentence


def test_an_event_ends_the_silence_at_once(app: Flask) -> None:
    source = quiet_shop(NOW.replace(hour=8, minute=3) - DAY)
    key = source.keys[0]
    assert len(firing(app)) == 1
    add_events(source, key, [NOW - timedelta(seconds=1)], "order.created")
    assert len(firing(app)) == 1, "another type"
    add_events(source, key, [NOW - timedelta(seconds=1)])
    assert firing(app) == {}
    add_hours(source, [hour_start(NOW)])
    assert firing(app, NOW + HOUR) == {}, "and it is counted"


def test_while_the_counts_are_old_nothing_is_decided(app: Flask) -> None:
    quiet_shop(NOW.replace(hour=8, minute=3) - DAY)
    (found,) = read(app, counted=NOW - 4 * HOUR)
    assert (found.rule, found.level) == ("silent_site", ReadingLevel.BETWEEN)


def test_the_threshold_is_the_number_of_expected_events(app: Flask) -> None:
    quiet_shop(NOW.replace(hour=8, minute=3))
    assert len(firing(app, NOW + 3 * HOUR)) == 1
    assert firing(app, NOW + 3 * HOUR, silent_site=100.0) == {}


def test_test_events_and_removed_sites_have_no_rhythm(app: Flask) -> None:
    last = NOW.replace(hour=8) - DAY
    source = quiet_shop(last)
    add_hours(source, working_hours(last), 2, "relay.test")
    assert [one.subject for one in read(app)] == ["site:shop:lead.created"]
    removal.remove(source.slug, COMMAND_LINE)
    assert read(app) == []


def test_a_type_that_was_not_sent_for_eight_weeks_has_no_rhythm(app: Flask) -> None:
    quiet_shop(NOW - timedelta(weeks=7))
    assert len(firing(app)) == 1
    assert firing(app, NOW + timedelta(weeks=2)) == {}


def test_a_rare_type_is_reported_by_its_usual_gap(app: Flask) -> None:
    source, _ = site()
    add_hours(source, [hour_start(NOW) - number * DAY for number in range(11, 21)])
    (found,) = firing(app).values()
    assert "Usually one arrives every 24 hours." in found.sentence
    assert "since 12:30 UTC on 28 February" in found.sentence, "its events are no longer stored"


# ---- rejected_requests ---------------------------------------------------------------------------


def test_many_rejections_name_the_most_common_reason(app: Flask) -> None:
    source, _ = site()
    reject(source, RefusalCode.UNKNOWN_KEY, NOW - timedelta(minutes=1), 25, key_id="key_1")
    reject(source, RefusalCode.KEY_REVOKED, NOW - timedelta(minutes=2), 5, key_id="key_2")
    reject(source, RefusalCode.UNAVAILABLE, NOW - timedelta(minutes=2), 500)
    found = firing(app)["rejected_requests", "site:shop"]
    assert found.sentence == (
        "Relay rejected 30 requests of Shop in 15 minutes; none are usual. 25 for this reason: The "
        "request names the signing key 'key_1', which does not exist for this site."
    )
    assert found.advice.startswith("Copy the key id and the secret from the site's page")
    assert (found.value, found.count, found.path) == (30.0, 30, "/sources/shop#rejections")


def test_as_many_rejections_as_usual_are_no_problem(app: Flask) -> None:
    source, _ = site()
    reject(source, RefusalCode.BAD_SIGNATURE, NOW - timedelta(minutes=1), 30)
    reject(source, RefusalCode.BAD_SIGNATURE, NOW - DAY, 12 * 24 * 12)
    (found,) = read(app)
    assert found.level is ReadingLevel.BETWEEN
    reject(source, RefusalCode.BAD_SIGNATURE, NOW - timedelta(minutes=1), 30)
    assert ("rejected_requests", "site:shop") in firing(app)


def test_few_or_old_rejections_are_no_problem(app: Flask) -> None:
    source, _ = site()
    reject(source, RefusalCode.BAD_SIGNATURE, NOW - timedelta(minutes=16), 30)
    assert read(app) == []
    reject(source, RefusalCode.BAD_SIGNATURE, NOW, 9)
    assert [one.level for one in read(app)] == [ReadingLevel.CLEAR]


# ---- old_key -------------------------------------------------------------------------------------


def test_a_key_that_still_signs_is_reported_before_it_ends(app: Flask) -> None:
    source, old = site()
    old_id = old.key_id
    new, _ = keys.rotate_key(source, COMMAND_LINE, timedelta(hours=24))
    now = database.now(db.session)
    soon = now + 19 * HOUR
    subject = "old_key", "site:shop"
    assert subject not in firing(app, soon), "not used since the rotation"
    add_events(source, old, [now - DAY])
    assert subject not in firing(app, soon)
    add_events(source, old, [now + HOUR])
    assert subject not in firing(app, now + 17 * HOUR), "seven hours are left"
    found = firing(app, soon)[subject]
    assert found.sentence.startswith(f"Shop still signs with the old key {old_id}, which ends at ")
    assert found.value == pytest.approx(5, abs=0.1)
    assert subject not in firing(app, now + 25 * HOUR), "ended"
    add_events(source, new, [now + 2 * HOUR])
    assert subject not in firing(app, soon), "it changed to the new key"
    add_events(source, old, [now + 2 * HOUR])
    assert subject in firing(app, soon), "one of two installations did not"


# ---- key_fetched, key_refused --------------------------------------------------------------------


def test_a_fetched_key_and_a_second_request_are_reported_for_a_day(app: Flask) -> None:
    source, old = site()
    old_id, now = old.key_id, database.now(db.session)
    fetched, refused = ("key_fetched", "site:shop"), ("key_refused", "site:shop")
    assert not {fetched, refused} & firing(app, now).keys()
    old.handed_over_at, old.handed_over_to = now, "203.0.113.7"
    db.session.commit()
    found = firing(app, now + HOUR)
    assert refused not in found
    assert found[fetched].sentence == (
        "Shop fetched its new signing key from 203.0.113.7, with a request that the old key "
        f"{old_id} signed."
    )
    reject(source, RefusalCode.KEY_HANDED_OVER, now, 2, key_id=old_id)
    found = firing(app, now + HOUR)
    assert "There were 2 such requests." in found[refused].sentence
    assert "it may have leaked" in found[refused].advice
    assert not {fetched, refused} & firing(app, now + 25 * HOUR).keys()


# ---- site_clock ----------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["ahead of", "behind"])
def test_a_rejected_clock_is_reported_until_an_event_is_accepted(
    app: Flask, direction: str
) -> None:
    source, key = site()
    add_events(source, key, [NOW - HOUR])
    reject(
        source,
        RefusalCode.CLOCK_OFF,
        NOW - timedelta(minutes=50),
        seconds=412.0,
        direction=direction,
        window_s=300,
    )
    found = firing(app)["site_clock", "site:shop"]
    assert found.value == 412.0
    assert found.sentence == (
        f"The clock of Shop is 412 s {direction} Relay's. Relay rejects its requests, and the "
        "events wait on the site."
    )
    assert ("site_clock", "site:shop") not in firing(app, site_clock=500.0)
    add_events(source, key, [NOW - timedelta(minutes=1)])
    assert ("site_clock", "site:shop") not in firing(app)


def report(source: Source, until: datetime, taken_at: datetime, **waiting: int) -> None:
    counts = {
        name.replace("_", "."): {"fired": 9, "sent": 9, "dropped": 2, "waiting": n, "later": 3}
        for name, n in waiting.items()
    }
    db.session.add(
        SiteReport(
            event_pk=int(until.timestamp()) + source.id * 10**10,
            source_id=source.id,
            day=(NOW - DAY).date(),
            until=until,
            counts=counts,
            plugin="1.2.0",
            taken_at=taken_at,
        )
    )
    db.session.commit()


def test_a_report_from_the_future_shows_a_clock_that_is_ahead(app: Flask) -> None:
    source, _ = site()
    made = NOW - 12 * HOUR
    report(source, made, made + timedelta(seconds=5))
    assert firing(app) == {}
    report(source, made + timedelta(seconds=150), made)
    found = firing(app)["site_clock", "site:shop"]
    assert found.value == 150.0 and "150 s ahead of Relay's." in found.sentence


# ---- plugin_outbox -------------------------------------------------------------------------------


def test_events_that_wait_on_a_site(app: Flask) -> None:
    source, _ = site()
    made = NOW - 12 * HOUR
    report(source, made, made, lead_created=4, order_created=1, comment_created=0)
    assert firing(app, made + HOUR) == {}, "they may be on their way"
    found = firing(app)["plugin_outbox", "site:shop"]
    assert found.sentence == (
        "4 leads and 1 order wait on Shop, as it reported at 00:30 UTC on 11 March, and did not "
        "arrive since."
    )
    assert (found.count, found.value, found.since) == (5, 5.0, made)
    day = NOW.date()
    for lane, received in ((0, 3), (1, 2)):
        db.session.add(
            Intake(
                source_id=source.id,
                day=day,
                event_type="lead.created",
                lane=lane,
                received=received,
            )
        )
    assert "2 leads and 1 order wait" in firing(app)["plugin_outbox", "site:shop"].sentence
    report(source, made + timedelta(minutes=1), made, lead_created=0)
    assert firing(app) == {}, "a newer report"


# ---- statements ----------------------------------------------------------------------------------


def test_the_number_of_statements_does_not_depend_on_the_number_of_sites(app: Flask) -> None:
    statements: list[str] = []

    def note(*args: Any) -> None:
        statements.append(args[2])

    def one(number: int) -> None:
        source, key = site(f"Site {number}")
        last = NOW.replace(hour=8, minute=3) - DAY
        add_hours(source, working_hours(last), 2)
        add_events(source, key, [last])
        reject(source, RefusalCode.BAD_SIGNATURE, NOW + HOUR, 30)
        report(source, NOW - 5 * HOUR, NOW - 5 * HOUR, lead_created=4)

    found = []
    for number in range(12):
        one(number)
        if number not in (0, 11):
            continue
        db.session.commit()
        db.engine.dispose()
        sqlalchemy_event.listen(db.engine, "before_cursor_execute", note)
        statements.clear()
        assert len(firing(app, NOW + timedelta(hours=1 - number / 11))) == 3 * (number + 1)
        found.append(len(statements))
        sqlalchemy_event.remove(db.engine, "before_cursor_execute", note)
    assert found[0] == found[1] <= 20, found
