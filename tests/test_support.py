"""The tests' own tools work."""

from __future__ import annotations

import socket

import pytest
import requests
from flask import Flask
from playwright.sync_api import Page
from sqlalchemy import create_engine, text

from config import database_url as sqlalchemy_url
from relay.launcher.valkey import Valkey
from tests.support import fake_hubspot, hubspot_rules
from tests.support.browser import Console
from tests.support.fake_hubspot import FakeHubSpot
from tests.support.network import OutsideNetwork
from tests.support.postgres import PostgresServer
from tests.support.sink import Answer, Sink


def test_a_connection_out_of_this_machine_is_refused() -> None:
    with pytest.raises(OutsideNetwork), socket.socket() as one:
        one.connect(("203.0.113.1", 80))


def test_a_database_is_migrated_and_empty(database_url: str, tmp_path) -> None:
    engine = create_engine(sqlalchemy_url(database_url, tmp_path))
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM source")) == 0
        assert connection.scalar(text("SELECT version_num FROM alembic_version"))
    engine.dispose()


def test_postgres_can_be_stopped_and_started(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    engine = create_engine(sqlalchemy_url(postgres_url, postgres_server.folder), pool_pre_ping=True)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM source")) == 0
    postgres_server.restart()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM source")) == 0
    engine.dispose()


def test_the_broker_keeps_what_it_has_over_a_restart(valkey: Valkey) -> None:
    assert valkey.send(b"SET a 1") == b"+OK\r\n"
    valkey.stop()
    assert not valkey.answers()
    valkey.start()
    assert valkey.send(b"GET a") == b"$1\r\n1\r\n"


def test_the_broker_refuses_rather_than_forgets(valkey: Valkey) -> None:
    assert b"noeviction" in valkey.send(b"CONFIG GET maxmemory-policy")


def test_the_application_answers_in_process(app: Flask) -> None:
    assert app.test_client().get("/healthz").json == {"status": "ok"}


def test_the_sink_keeps_requests_and_answers_in_turn(sink: Sink) -> None:
    sink.answers([Answer(503, headers={"Retry-After": "1"}), Answer(200)], path="/a")
    first = requests.post(f"{sink.url}/a?x=1", data=b"\xff", headers={"X-One": "1"}, timeout=5)
    second = requests.post(f"{sink.url}/a", json={"b": 2}, timeout=5)
    assert (first.status_code, first.headers["Retry-After"], second.status_code) == (503, "1", 200)
    one, two = sink.wait(2, path="/a")
    assert (one.path, one.body, one.headers["x-one"]) == ("/a?x=1", b"\xff", "1")
    assert two.json() == {"b": 2}


def test_the_page_reports_a_script_error(page: Page, console: Console, sink: Sink) -> None:
    sink.answer(body="<script>nothing()</script>", headers={"Content-Type": "text/html"})
    page.goto(sink.url)
    assert any("nothing is not defined" in problem for problem in console.unexpected())
    console.allow("nothing is not defined|favicon")


# ---- the fake HubSpot refuses what HubSpot documents as refused ------------------------------------

FIELDS = {one["name"]: one for one in (*fake_hubspot.CONTACTS, *fake_hubspot.DEALS)}


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("birthday", "1990-12-31", None),
        ("birthday", "662601600000", None),
        ("birthday", "662601600001", "INVALID_DATE"),
        ("birthday", "1990-12-31T00:00:00Z", "INVALID_LONG"),
        ("birthday", "1990-13-31", "INVALID_LONG"),
        ("birthday", "31.12.1990", "INVALID_LONG"),
        ("followup_at", "2026-03-01T00:30:00+02:00", None),
        ("followup_at", "1767225600123", None),
        ("followup_at", "2026-03-01T00:30:00", "INVALID_LONG"),
        ("followup_at", "2026-03-01 00:30:00Z", "INVALID_LONG"),
        ("industry", "tea", None),
        ("industry", "Tea", "INVALID_OPTION"),
        ("industry", "tea;coffee", "INVALID_OPTION"),
        ("colors", "red;sea_green", None),
        ("colors", "red;purple", "INVALID_OPTION"),
        ("colors", "red, blue", "INVALID_OPTION"),
        ("newsletter", "true", None),
        ("newsletter", "yes", "INVALID_OPTION"),
        ("numemployees", "-12.50", None),
        ("numemployees", "1e-05", "INVALID_NUMBER"),
        ("numemployees", "1,200", "INVALID_NUMBER"),
        ("numemployees", " 5", "LEADING_TRAILING_WHITESPACE"),
        ("numemployees", 5, "INVALID_STRING"),
        ("numemployees", "", None),
        ("email", "anna@example.com", None),
        ("email", "a..b@c.de", "INVALID_EMAIL"),
        ("email", "anna@localhost", "INVALID_EMAIL"),
        ("email", "anna@shop.invalid", "INVALID_EMAIL"),
        ("email", '"anna m"@example.com', "INVALID_EMAIL"),
        ("message", "x" * 65_536, None),
        ("message", "x" * 65_537, "PROPERTY_VALUE_TOO_LONG"),
        ("message", "😀" * 32_769, "PROPERTY_VALUE_TOO_LONG"),
        ("hs_object_id", "7", "READ_ONLY_VALUE"),
    ],
)
def test_the_fake_hubspot_checks_values(name: str, value: object, word: str | None) -> None:
    found = hubspot_rules.problem_of(FIELDS[name], value)
    assert (found or {}).get("error") == word


def call(hubspot: FakeHubSpot, path: str, body: object) -> requests.Response:
    headers = {"Authorization": f"Bearer {fake_hubspot.TOKEN}"}
    return requests.post(hubspot.url + path, json=body, headers=headers, timeout=5)


def upsert(
    hubspot: FakeHubSpot, kind: str, unique: str, *records: dict[str, str]
) -> requests.Response:
    inputs = [
        {"idProperty": unique, "id": one[unique], "properties": one, "objectWriteTraceId": str(n)}
        for n, one in enumerate(records)
    ]
    return call(hubspot, f"/crm/objects/2026-03/{kind}/batch/upsert", {"inputs": inputs})


GOOD, BAD = {"email": "a@example.com"}, {"email": "b@example.com", "industry": "Other"}


def test_one_bad_value_refuses_the_whole_batch_of_the_fake_hubspot(hubspot: FakeHubSpot) -> None:
    answer = upsert(hubspot, "contacts", "email", GOOD, BAD)
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
    assert answer.json()["message"].startswith("Property values were not valid: [{")
    assert not hubspot.contacts
    hubspot.multi_status = True
    answer = upsert(hubspot, "contacts", "email", GOOD, BAD)
    assert (answer.status_code, answer.json()["numErrors"]) == (207, 1)
    assert hubspot.contacts == [GOOD]


@pytest.mark.parametrize(
    "records",
    [
        [GOOD, {"email": "A@example.com"}],
        [{"email": f"p{n}@example.com"} for n in range(101)],
        [],
        [GOOD | {"unknown": "x"}],
    ],
)
def test_the_fake_hubspot_refuses_batches(
    hubspot: FakeHubSpot, records: list[dict[str, str]]
) -> None:
    if not records:
        answer = call(hubspot, "/crm/objects/2026-03/contacts/batch/upsert", {"inputs": []})
    else:
        answer = upsert(hubspot, "contacts", "email", *records)
    assert answer.status_code == 400 and not hubspot.contacts


def test_the_fake_hubspot_associates_only_records_that_exist(hubspot: FakeHubSpot) -> None:
    made = upsert(hubspot, "contacts", "email", GOOD).json()["results"][0]["id"]
    pair = {"from": {"id": "1"}, "to": {"id": made}}
    path = "/crm/associations/2026-03/deals/contacts/batch/associate/default"
    answer = call(hubspot, path, {"inputs": [pair]})
    assert (answer.status_code, answer.json()["numErrors"]) == (207, 1)
    assert not hubspot.joined


def test_the_fake_hubspot_ignores_an_earlier_lifecycle_stage(hubspot: FakeHubSpot) -> None:
    for stage in ("customer", "lead"):
        assert upsert(hubspot, "contacts", "email", GOOD | {"lifecyclestage": stage}).ok
    assert hubspot.contacts[0]["lifecyclestage"] == "customer"


def test_the_fake_hubspot_knows_the_currency_of_a_deal_only_in_accounts_with_several(
    hubspot: FakeHubSpot,
) -> None:
    hubspot.properties["deals"].append(fake_hubspot.prop("key", "Key", hasUniqueValue=True))
    deal = {"key": "1", "dealname": "x", "dealstage": "new", "deal_currency_code": "USD"}
    own = deal | {"deal_currency_code": hubspot.company_currency}
    assert upsert(hubspot, "deals", "key", own).status_code == 400
    hubspot.additional_currencies = ["CHF"]
    assert upsert(hubspot, "deals", "key", deal).status_code == 400
    hubspot.additional_currencies = ["CHF", "USD"]
    assert upsert(hubspot, "deals", "key", deal).status_code == 200


def test_the_fake_hubspot_creates_no_deal_without_name_and_stage(hubspot: FakeHubSpot) -> None:
    hubspot.properties["deals"].append(fake_hubspot.prop("key", "Key", hasUniqueValue=True))
    answer = upsert(hubspot, "deals", "key", {"key": "1", "amount": "5"})
    assert answer.status_code == 400 and "REQUIRED_PROPERTY_MISSING" in answer.text


def test_the_fake_hubspot_limits_the_calls_of_ten_seconds_and_of_a_day(
    hubspot: FakeHubSpot,
) -> None:
    codes = [upsert(hubspot, "contacts", "email", GOOD).status_code for _ in range(101)]
    assert codes == [200] * 100 + [429]
    hubspot.recent.clear()
    hubspot.daily = hubspot.used
    answer = upsert(hubspot, "contacts", "email", GOOD)
    assert (answer.status_code, answer.json()["policyName"]) == (429, "DAILY")
