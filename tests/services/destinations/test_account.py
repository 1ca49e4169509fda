"""The account behind a destination, and its quotas."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from relay import database
from relay.delivery.quotas import record_quotas
from relay.destinations.base import ReportedQuota
from relay.errors import Refusal
from relay.models import Quota, db
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import account as destination_account
from relay.services.destinations import quotas as weather
from relay.services.destinations import settings as destination_settings
from tests.support.fake_hubspot import TOKEN, FakeHubSpot, prop


def connect(hubspot: FakeHubSpot, token: str = TOKEN) -> int:
    values = {"token": token, "base_url": hubspot.url}
    return destination_settings.create_destination("hubspot", "HubSpot", values, COMMAND_LINE).id


def fields(destination_id: int) -> set[str]:
    one = destination_settings.find_destination(destination_id)
    kind = destination_settings.kind_of(one.kind)
    return {target.name for target in kind.targets(one.config, one.account or {})}


def test_live_fields_are_stored_and_refreshed_on_request(app: Flask, hubspot: FakeHubSpot) -> None:
    with app.app_context():
        number = connect(hubspot)
        assert "contact.industry" not in fields(number)
        destination_account.refresh(number, COMMAND_LINE)
        assert "contact.industry" in fields(number) and "contact.shoe_size" not in fields(number)
        hubspot.properties["contacts"].append(prop("shoe_size", "Shoe size", "number"))
        destination_account.refresh(number, COMMAND_LINE)
        assert "contact.shoe_size" in fields(number)


def test_a_failed_read_keeps_the_old_fields_and_the_reason(
    app: Flask, hubspot: FakeHubSpot
) -> None:
    with app.app_context():
        number = connect(hubspot)
        destination_account.refresh(number, COMMAND_LINE)
        one = destination_settings.find_destination(number)
        values = {"token": "pat-revoked", "base_url": hubspot.url}
        destination_settings.update_destination(number, "HubSpot", values, COMMAND_LINE)
        with pytest.raises(Refusal, match="does not accept the access token"):
            destination_account.refresh(number, COMMAND_LINE)
        assert one.account and "access token" in one.account_trouble
        assert "contact.industry" in fields(number)


def test_accounts_are_read_again_after_a_day(app: Flask, hubspot: FakeHubSpot) -> None:
    with app.app_context():
        number = connect(hubspot)
        app.extensions["relay_broker"].broker.client.flushall()
        assert destination_account.wake_stale() == 1
        destination_account.read(number)
        app.extensions["relay_broker"].broker.client.flushall()
        assert destination_account.wake_stale() == 0
        one = destination_settings.find_destination(number)
        one.account_read_at = database.now(db.session) - timedelta(days=2)
        db.session.commit()
        assert destination_account.wake_stale() == 1


def test_a_kind_without_an_account_says_so(app: Flask) -> None:
    with app.app_context():
        number = destination_settings.create_destination("inbox", "Inbox", {}, COMMAND_LINE).id
        with pytest.raises(Refusal, match="no account"):
            destination_account.refresh(number, COMMAND_LINE)


def test_a_new_destination_starts_with_the_rate_limit_of_its_kind(
    app: Flask, hubspot: FakeHubSpot
) -> None:
    with app.app_context():
        one = destination_settings.find_destination(connect(hubspot))
        assert (one.rate_count, one.rate_unit) == (9, "second")


def test_quotas_are_stored_once_with_their_rate(app: Flask, hubspot: FakeHubSpot) -> None:
    with app.app_context():
        number = connect(hubspot)
        now = database.now(db.session)
        db.session.rollback()
        ends = now + timedelta(hours=8)
        for minute in range(31):
            at = now - timedelta(minutes=30 - minute)
            left = 10_000 - 200 * minute
            reported = [
                ReportedQuota("day", "calls a day", 10_000, left, ends),
                ReportedQuota("interval", "calls in 10 s", 100, 99, at + timedelta(seconds=10)),
            ]
            with db.engine.begin() as connection:
                record_quotas(connection, number, reported, at)
        assert db.session.query(Quota).count() == 2
        one = destination_settings.find_destination(number)
        quotas = weather.quotas_of([one.id], now)[one.id]
        day, interval = quotas
        assert (day.percent, day.stale) == (40, False) and day.empties_at is not None
        assert timedelta(minutes=17) < day.empties_at - now < timedelta(minutes=24)
        assert interval.reading.limit == 100
        assert weather.warning_of(one, quotas, now).startswith(
            "At this rate, HubSpot accepts no more calls from "
        )


def test_without_readings_there_are_no_quotas(app: Flask, hubspot: FakeHubSpot) -> None:
    with app.app_context():
        one = destination_settings.find_destination(connect(hubspot))
        now = database.now(db.session)
        quotas = weather.quotas_of([one.id], now)[one.id]
        assert quotas == [] and weather.warning_of(one, quotas, now) == ""
        assert "sent by" in weather.warning_of(one, quotas, now, waiting=9 * 600)
