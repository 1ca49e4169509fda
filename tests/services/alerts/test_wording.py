"""Subjects, values and times in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from relay.models import AlertChannel, db
from relay.services.alerts.wording import (
    AlertSubject,
    instant_words,
    parts_of,
    subject_names,
    value_words,
)
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from relay.services.sources import settings as source_settings
from tests.test_statement_counts import counting


@pytest.mark.parametrize(
    ("subject", "parts"),
    [
        ("", AlertSubject("")),
        ("destination:3", AlertSubject("destination", "3")),
        ("site:shop", AlertSubject("site", "shop")),
        ("site:shop:order.created", AlertSubject("site", "shop", "order.created")),
        ("channel:2", AlertSubject("channel", "2")),
        ("shop 2026-11-25", AlertSubject("site", "shop", "2026-11-25")),
    ],
)
def test_a_subject_has_parts(subject: str, parts: AlertSubject) -> None:
    assert parts_of(subject) == parts


def test_subjects_are_named_in_one_statement(app: Flask) -> None:
    with app.app_context():
        there = destination_settings.create_destination("inbox", "Slack sales", {}, COMMAND_LINE)
        url = "https://shop.example.com"
        source_settings.create_source("Blue Teapot Shop", url, COMMAND_LINE, slug="shop")
        phone = AlertChannel(kind="ntfy", name="Phone", config={})
        db.session.add(phone)
        db.session.commit()
        to, channel = f"destination:{there.id}", f"channel:{phone.id}"
        with counting(app) as statements:
            names = subject_names(
                [to, channel, "", "site:shop", "site:shop:order.created", "site:shop:2026-11-25"]
            )
            assert len(statements) == 1
        assert names == {
            to: "Slack sales",
            channel: "Phone",
            "": "This installation",
            "site:shop": "Blue Teapot Shop",
            "site:shop:order.created": "Blue Teapot Shop: New order",
            "site:shop:2026-11-25": "Blue Teapot Shop: 25 November 2026",
        }
        gone = ["destination:999", "site:gone", "destination:x", "channel:9"]
        assert subject_names(gone) == {
            "destination:999": "Destination 999",
            "site:gone": "gone",
            "destination:x": "Destination x",
            "channel:9": "Alert channel 9",
        }


def test_values_are_short() -> None:
    assert value_words(2.5, "%") == "2.5 %"
    assert value_words(1, "hours") == "1 hour"
    assert value_words(0.0123, "minutes") == "0 minutes"
    assert value_words(0.3333, "hours") == "0.33 hours"
    assert value_words(1024, "MiB") == "1,024 MiB"
    assert value_words(100.0, "") == "100"


def test_a_time_has_its_day_only_if_it_is_another() -> None:
    now = datetime(2026, 11, 25, 23, 0, tzinfo=UTC)
    assert instant_words(now + timedelta(minutes=30), now) == "23:30 UTC"
    assert instant_words(now + timedelta(hours=2), now) == "26 Nov, 01:00 UTC"
