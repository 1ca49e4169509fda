"""What deliveries were sent without is stored with the attempt, shown and counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from relay import database
from relay.delivery import drain, router
from relay.models import Attempt, Delivery, db
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import account as destination_account
from relay.services.destinations import settings as destination_settings
from relay.services.destinations.left_out import left_out
from relay.services.operations import erasure
from relay.services.sources import settings as source_settings
from tests.support.events import lead
from tests.support.fake_hubspot import TOKEN, FakeHubSpot
from tests.support.world import put


@pytest.fixture
def destination(app: Flask, hubspot: FakeHubSpot) -> Iterator[int]:
    """A HubSpot account that lost the property ``company`` after Relay had read its fields."""
    with app.app_context():
        source_settings.create_source("Shop", "https://shop.example.com", COMMAND_LINE)
        values = {"token": TOKEN, "base_url": hubspot.url}
        made = destination_settings.create_destination("hubspot", "HubSpot", values, COMMAND_LINE)
        destination_account.refresh(made.id, COMMAND_LINE)
        number = made.id
    contacts = hubspot.properties["contacts"]
    hubspot.properties["contacts"] = [one for one in contacts if one["name"] != "company"]
    yield number
    app.extensions["relay_ingest"].close()


def send(app: Flask, destination_id: int, *companies: str) -> None:
    for number, company in enumerate(companies):
        event = lead(number)
        event["data"]["fields"] |= {"Company": company} if company else {}
        put(app, "shop", event)
    with app.app_context():
        while router.route_batch():
            pass
        drain.run(destination_id)


def found(destination_id: int) -> Any:
    return left_out(destination_id, database.now(db.session))


def test_a_delivery_without_a_field_is_delivered_and_counted(app: Flask, destination: int) -> None:
    send(app, destination, "Tea & Co", "", "Coffee & Co")
    with app.app_context():
        assert {one.state for one in db.session.query(Delivery)} == {"delivered"}
        told = found(destination)
        assert (told.deliveries, told.is_cut) == (2, False)
        (field,) = told.fields
        assert (field.label, field.count, field.event_type) == ("Company Name", 2, "lead.created")
        assert field.example == (
            "Sent without: Company Name — HubSpot does not accept this field: it does not exist in your "
            "account"
        )
        assert field.subscription_id is not None
        notes = [one.notes for one in db.session.query(Attempt).order_by(Attempt.delivery_id)]
        assert [bool(one) for one in notes] == [True, False, True] and notes[1] is None


def test_older_deliveries_and_other_destinations_are_not_counted(
    app: Flask, destination: int
) -> None:
    send(app, destination, "Tea & Co")
    with app.app_context():
        assert found(destination + 1).deliveries == 0
        for one in db.session.query(Attempt):
            one.started_at -= timedelta(days=8)
        db.session.commit()
        assert found(destination).fields == ()


def test_the_erasure_of_a_person_empties_the_notes(app: Flask, destination: int) -> None:
    send(app, destination, "Tea & Co")
    with app.app_context():
        (attempt,) = db.session.query(Attempt)
        secret = [{"code": "left_out", "field": "a", "label": "A", "sentence": "“Muster” is no"}]
        attempt.notes = secret
        db.session.commit()
        erasure.erase_person("person0@example.com", COMMAND_LINE)
        db.session.expire_all()
        (attempt,) = db.session.query(Attempt)
        assert attempt.notes == [secret[0] | {"sentence": "A: [erased]"}]
