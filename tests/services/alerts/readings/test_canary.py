"""The readings of the canary rule: which step failed, and one reading when several sites fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from relay import database
from relay.database import READ_ONLY
from relay.event_types import CANARY
from relay.models import CanaryRun, Event, Source, db
from relay.rules.alerts import Reading, ReadingLevel
from relay.services.alerts.readings import Context, canary
from relay.services.audit import COMMAND_LINE
from relay.services.sources import removal
from relay.services.sources import settings as source_settings

BETWEEN, CLEAR, FIRING = ReadingLevel.BETWEEN, ReadingLevel.CLEAR, ReadingLevel.FIRING


class CanaryRuns:
    """Writes runs of sites and reads the rule."""

    def __init__(self, app: Flask) -> None:
        self.app, self.count = app, 0
        self.sites: dict[str, Source] = {}

    def site(self, name: str) -> Source:
        if name not in self.sites:
            made = source_settings.create_source(name, "https://a.example.com", COMMAND_LINE)[0]
            self.sites[name] = made
        return self.sites[name]

    @property
    def now(self) -> datetime:
        with db.engine.connect().execution_options(**READ_ONLY) as connection:
            return database.now(connection)

    def add(
        self,
        name: str,
        age_s: float,
        took_s: float | None = None,
        error: str = "",
        accepted: bool = True,
    ) -> str:
        self.count += 1
        sent, event_id = self.now - timedelta(seconds=age_s), f"canary-{self.count}"
        db.session.add(
            CanaryRun(
                source_id=self.site(name).id,
                event_id=event_id,
                sent_at=sent,
                accepted_at=sent if accepted and not error else None,
                arrived_at=None if took_s is None else sent + timedelta(seconds=took_s),
                error=error,
            )
        )
        db.session.commit()
        return event_id

    def read(self, minutes: int = 10) -> dict[str, Reading]:
        config = replace(self.app.extensions["relay_config"], canary_minutes=minutes)
        db.session.commit()
        with db.engine.connect().execution_options(**READ_ONLY) as connection:
            now = database.now(connection)
            context = Context(connection, now, {"canary": 60.0}, None, config)
            found = list(canary.read(context))
        assert len({one.subject for one in found}) == len(found)
        return {one.subject: one for one in found}


@pytest.fixture
def runs(app: Flask) -> Iterator[CanaryRuns]:
    with app.app_context():
        yield CanaryRuns(app)
        db.session.remove()


def levels(found: dict[str, Reading]) -> dict[str, ReadingLevel]:
    return {subject: one.level for subject, one in found.items()}


def test_no_canaries_are_no_reading(runs: CanaryRuns) -> None:
    runs.site("Shop")
    assert runs.read() == {}


def test_a_canary_in_time_is_clear_with_its_seconds(runs: CanaryRuns) -> None:
    runs.add("Shop", 300, took_s=1.5)
    found = runs.read()
    assert levels(found) == {"": CLEAR, "site:shop": CLEAR}
    assert found["site:shop"].value == 1.5


@pytest.mark.parametrize(
    ("run", "says", "advises"),
    [
        ({"error": "http://x responded with status 503"}, "was not accepted: http://x resp", "web"),
        ({}, "but not delivered: no worker received it", "worker"),
        ({"took_s": 75.0}, "took 75 seconds", "load"),
    ],
)
def test_a_failure_names_the_step(
    runs: CanaryRuns, run: dict[str, Any], says: str, advises: str
) -> None:
    runs.add("Shop", 200, took_s=1)
    runs.add("Shop", 100, **run)
    reading = runs.read()["site:shop"]
    assert reading.level is FIRING
    assert reading.sentence.startswith("The test event of Shop ") and says in reading.sentence
    assert advises in reading.advice and reading.path == "/sources/shop"
    assert reading.since is not None and 95 < (runs.now - reading.since).total_seconds() < 130


def test_an_event_that_was_not_routed_is_named(runs: CanaryRuns) -> None:
    event_id = runs.add("Shop", 100)
    db.session.add(
        Event(
            source_id=runs.site("Shop").id,
            signing_key_id=runs.site("Shop").keys[0].id,
            event_id=event_id,
            event_type=CANARY,
            site="https://a.example.com",
            address="",
            payload="{}",
            body_sha256=bytes(32),
            search_text="",
        )
    )
    db.session.commit()
    assert "not routed" in runs.read()["site:shop"].sentence


def test_a_canary_on_its_way_leaves_the_last_result(runs: CanaryRuns) -> None:
    runs.add("Shop", 30)
    assert levels(runs.read())["site:shop"] is BETWEEN
    runs.add("Shop", 300, took_s=1)
    assert levels(runs.read())["site:shop"] is CLEAR


def test_a_canary_that_met_a_limit_of_the_site_is_no_result(runs: CanaryRuns) -> None:
    runs.add("Shop", 300, took_s=1)
    runs.add("Shop", 100, accepted=False)
    assert levels(runs.read())["site:shop"] is CLEAR


def test_several_sites_in_a_row_are_one_reading(runs: CanaryRuns) -> None:
    runs.add("One", 400, took_s=1)
    runs.add("Two", 300, took_s=1)
    runs.add("One", 200, error="it responded with status 503")
    assert levels(runs.read()) == {"": CLEAR, "site:one": FIRING, "site:two": CLEAR}
    runs.add("Two", 100, error="it responded with status 502")
    found = runs.read()
    assert levels(found) == {"": FIRING, "site:one": BETWEEN, "site:two": BETWEEN}
    assert found[""].count == 2 and "2 sites" in found[""].sentence
    assert "of Two, was not accepted: it responded with status 502." in found[""].sentence
    runs.add("Two", 50, took_s=1)
    assert levels(runs.read()) == {"": CLEAR, "site:one": FIRING, "site:two": CLEAR}


def test_what_is_no_longer_tested_is_clear(runs: CanaryRuns) -> None:
    for name in ("Shop", "Blog", "Gone"):  # the removal of a site resolves its alerts itself
        runs.add(name, 100, error="it responded with status 503")
    source_settings.allow_network("blog", "203.0.113.0/24", COMMAND_LINE)
    removal.remove("gone", COMMAND_LINE)
    found = levels(runs.read())
    assert found.pop("site:shop") is FIRING
    assert found == {"": CLEAR, "site:blog": CLEAR}
    assert set(levels(runs.read(minutes=0)).values()) == {CLEAR}


def test_canaries_that_stopped_long_ago_say_nothing(runs: CanaryRuns) -> None:
    runs.add("Shop", 3 * 3600, error="it responded with status 503")
    assert levels(runs.read())["site:shop"] is BETWEEN
