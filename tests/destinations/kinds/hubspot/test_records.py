"""Values of events arrive at HubSpot as it takes them, or are left out with a note."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.destinations.kinds.hubspot.records import MAX_VALUE, as_date, as_text, is_accepted
from relay.errors import Undeliverable
from relay.event_types import SAMPLES
from relay.rules.lifecycle import Accepted, Refused
from tests.support import hubspot_rules
from tests.support.fake_hubspot import FakeHubSpot
from tests.support.hubspot_calls import deliver, event, with_account

EMAIL = {"contact.email": {"path": ["data", "fields", "E-mail"]}}


def lead_with(label: str, value: Any, **more: Any) -> dict[str, Any]:
    fields = {"E-mail": "anna@example.com", label: value}
    return {"form": {"title": "Contact"}, "fields": fields, **more}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("colors", "Red, Blue", "red;blue"),
        ("colors", "RED", "red"),
        ("colors", ["Blue", "sea_green"], "blue;sea_green"),
        ("colors", " sea_green ; red ", "sea_green;red"),
        ("team_size", "11 – 50", "11-50"),
        ("team_size", "11-50", "11-50"),
        ("industry", "  TEA ", "tea"),
        ("birthday", "31.12.1990", "1990-12-31"),
        ("birthday", "2026-03-01T00:30:00+02:00", "2026-03-01"),
        ("birthday", "1. März 2026", "2026-03-01"),
        ("followup_at", "2026-03-01T00:30:00+02:00", "2026-03-01T00:30:00+02:00"),
        ("followup_at", "2026-03-01 00:30:00", "2026-03-01T00:30:00+00:00"),
        ("newsletter", "Ja", "true"),
        ("newsletter", "não", "false"),
        ("newsletter", True, "true"),
        ("numemployees", "1.234,5", "1234.5"),
        ("numemployees", 0.00001, "0.00001"),
        ("phone", " (030) 1234-56 ext. 7 ", "(030) 1234-56 ext. 7"),
        ("lastname", "von der Heide", "von der Heide"),
        ("company", "Tom & Jerry <GmbH>", "Tom & Jerry <GmbH>"),
    ],
)
def test_a_value_arrives_in_hubspots_format(
    hubspot: FakeHubSpot, name: str, value: Any, expected: str
) -> None:
    config = with_account(hubspot)
    rules = EMAIL | {f"contact.{name}": {"path": ["data", "fields", "Answer"]}}
    data = lead_with("Answer", value)
    (done,) = deliver(config, event(config, "lead.created", data=data, rules=rules))
    assert isinstance(done.signal, Accepted)
    assert hubspot.contacts == [{"email": "anna@example.com", name: expected}]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("birthday", "31.13.1990", "Sent without: Birthday — “31.13.1990” is not a date"),
        (
            "birthday",
            "03/04/1990",
            "Sent without: Birthday — “03/04/1990” can mean 1990-04-03 or 1990-03-04",
        ),
        ("numemployees", "11-50", "Sent without: Employees — “11-50” is not a number"),
        ("numemployees", "1,200", "Sent without: Employees — “1,200” can mean 1200 or 1.200"),
        ("newsletter", "perhaps", "Sent without: Newsletter — “perhaps” is neither yes nor no"),
        (
            "industry",
            "Other",
            "Sent without: Industry — “Other” is not one of its options (Tea, Coffee)",
        ),
    ],
)
def test_an_optional_value_that_does_not_fit_is_left_out_with_a_note(
    hubspot: FakeHubSpot, name: str, value: str, sentence: str
) -> None:
    config = with_account(hubspot)
    rules = EMAIL | {f"contact.{name}": {"path": ["data", "fields", "Answer"]}}
    one = event(config, "lead.created", data=lead_with("Answer", value), rules=rules)
    (done,) = deliver(config, one)
    assert isinstance(done.signal, Accepted)
    assert hubspot.contacts == [{"email": "anna@example.com"}]
    assert [note.sentence for note in one.notes] == [sentence]


def test_the_choices_that_fit_are_sent_and_the_others_noted(hubspot: FakeHubSpot) -> None:
    config = with_account(hubspot)
    rules = EMAIL | {"contact.colors": {"path": ["data", "fields", "Colors"]}}
    data = lead_with("Colors", "Red; Purple")
    one = event(config, "lead.created", data=data, rules=rules)
    deliver(config, one)
    assert hubspot.contacts[0]["colors"] == "red"
    assert [note.sentence for note in one.notes] == [
        "Sent without: Colors — “Purple” is not one of its options (Red, Blue, Sea_Green)"
    ]


@pytest.mark.parametrize(("locale", "birthday"), [("en_US", "1990-03-04"), ("de_DE", "1990-04-03")])
def test_the_sites_locale_decides_how_a_date_is_read(
    hubspot: FakeHubSpot, locale: str, birthday: str
) -> None:
    config = with_account(hubspot)
    rules = EMAIL | {"contact.birthday": {"path": ["data", "fields", "Born"]}}
    data = lead_with("Born", "03/04/1990", locale=locale)
    deliver(config, event(config, "lead.created", data=data, rules=rules))
    assert hubspot.contacts[0]["birthday"] == birthday


@pytest.mark.parametrize("email", ["", "anna", "anna@localhost"])
def test_a_lead_without_a_usable_e_mail_address_is_refused(
    hubspot: FakeHubSpot, email: str
) -> None:
    config = with_account(hubspot)
    data = {"form": {}, "fields": {"E-mail": email, "Name": "Anna"}}
    rules = EMAIL | {"contact.firstname": {"path": ["data", "fields", "Name"]}}
    try:
        (done,) = deliver(config, event(config, "lead.created", data=data, rules=rules))
    except Undeliverable as exc:
        assert (exc.code, exc.field) == ("bad_value", "contact.email")
    else:
        assert isinstance(done.signal, Refused) and done.signal.code == "no_email"
    assert not hubspot.contacts


@pytest.mark.parametrize(
    "email", ["anna..m@example.com", "anna@localhost", "anna.@example.com", "anna", '"a b"@c.de']
)
def test_an_order_with_an_e_mail_address_that_hubspot_refuses_is_a_deal_without_contact(
    hubspot: FakeHubSpot, email: str
) -> None:
    config = with_account(hubspot)
    data = SAMPLES["order.created"] | {"customer": {"name": "Anna M", "email": email}}
    one = event(config, "order.created", data=data)
    (done,) = deliver(config, one)
    assert isinstance(done.signal, Accepted)
    assert (len(hubspot.deals), hubspot.contacts) == (1, [])
    notes = [note.sentence for note in (*one.notes, *done.notes)]
    assert notes == [
        f"Sent without: Email — “{email}” is not an e-mail address",
        "Sent without: the customer's contact — HubSpot identifies a contact by its e-mail address",
    ]


def test_an_order_whose_e_mail_domain_only_hubspot_knows_is_a_deal_without_contact(
    hubspot: FakeHubSpot,
) -> None:
    config = with_account(hubspot)
    data = SAMPLES["order.created"] | {"customer": {"email": "anna@shop.invalid"}}
    other = SAMPLES["order.created"] | {"id": 7, "customer": {"email": "jane@example.com"}}
    done = deliver(
        config,
        event(config, "order.created", 1, data),
        event(config, "order.created", 2, other),
    )
    assert all(isinstance(one.signal, Accepted) for one in done)
    assert len(hubspot.deals) == 2
    assert [one["email"] for one in hubspot.contacts] == ["jane@example.com"]
    assert [note.sentence for note in done[0].notes] == [
        "Sent without: the customer's contact — HubSpot does not accept the value of the field email: "
        "it is not a valid e-mail address"
    ]
    assert not done[1].notes


def test_an_order_without_an_e_mail_address_says_that_it_has_no_contact(
    hubspot: FakeHubSpot,
) -> None:
    config = with_account(hubspot)
    data = SAMPLES["order.created"] | {"customer": {"name": "Jane"}}
    (done,) = deliver(config, event(config, "order.created", data=data))
    assert isinstance(done.signal, Accepted)
    (note,) = done.notes
    assert note.sentence.startswith(
        "Sent without: the customer's contact — the order has no e-mail"
    )


def test_a_lead_with_half_a_deal_becomes_a_contact_and_a_note(hubspot: FakeHubSpot) -> None:
    config = with_account(hubspot)
    lead = event(config, "lead.created")
    half = replace(lead, mapped={**lead.mapped, "deal.amount": "100"})
    (done,) = deliver(config, half)
    assert isinstance(done.signal, Accepted)
    assert [note.field for note in done.notes] == ["deal"]
    assert "HubSpot needs Deal name and Deal stage for a deal" in done.notes[0].sentence


def test_an_event_type_without_a_mapping_writes_nothing_and_says_so(hubspot: FakeHubSpot) -> None:
    config = with_account(hubspot)
    hubspot.forget()
    (done,) = deliver(config, event(config, "x.own", data={"a": 1}))
    assert isinstance(done.signal, Accepted) and not hubspot.requests
    (note,) = done.notes
    assert note.sentence.startswith("Nothing was sent: no field of x.own is mapped to HubSpot.")


def test_a_mapping_that_yields_nothing_is_an_error(hubspot: FakeHubSpot) -> None:
    config = with_account(hubspot)
    rules = {"contact.firstname": {"path": ["data", "nowhere"]}}
    (done,) = deliver(config, event(config, "x.own", data={"a": 1}, rules=rules))
    assert isinstance(done.signal, Refused) and done.signal.code == "nothing_to_write"


ANYTHING = st.one_of(
    st.text(max_size=40),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.lists(st.text(max_size=10), max_size=4),
    st.sampled_from(["Red, Blue", "31.12.1990", "1.234,56 €", "Ja", "11-50", "0.00001000"]),
)
OPTIONAL = (
    "firstname phone numemployees newsletter birthday followup_at industry team_size colors message "
    "lifecyclestage zip"
).split()


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(values=st.fixed_dictionaries(dict.fromkeys(OPTIONAL, ANYTHING)))
def test_no_value_of_optional_fields_makes_a_dead_letter(
    hubspot: FakeHubSpot, values: dict[str, Any]
) -> None:
    hubspot.recent.clear()  # the limit of calls in ten seconds
    config = with_account(hubspot)
    before = len(hubspot.requests)
    rules = EMAIL | {f"contact.{name}": {"path": ["data", "fields", name]} for name in OPTIONAL}
    data = {"form": {}, "fields": {"E-mail": "anna@example.com"} | values}
    one = event(config, "lead.created", data=data, rules=rules)
    (done,) = deliver(config, one)
    assert isinstance(done.signal, Accepted)
    assert len(hubspot.requests) == before + 1, "HubSpot refused a value that Relay sent"


@pytest.mark.parametrize("sign", ["x", "😀"])
def test_a_text_beyond_hubspots_limit_is_shortened_with_a_note(
    hubspot: FakeHubSpot, sign: str
) -> None:
    config = with_account(hubspot)
    rules = EMAIL | {"contact.message": {"path": ["data", "fields", "Message"]}}
    data = lead_with("Message", sign * (MAX_VALUE + 1))
    (done,) = deliver(config, event(config, "lead.created", data=data, rules=rules))
    assert isinstance(done.signal, Accepted)
    assert len(hubspot.contacts[0]["message"].encode("utf-16-le")) == MAX_VALUE * 2
    assert [note.sentence for note in done.notes] == [
        "Shortened: Message — HubSpot takes at most 65,536 characters"
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1E-5"), "0.00001"),
        (Decimal("999999999999999.99"), "999999999999999.99"),
        (1e-05, "0.00001"),
        (7, "7"),
        (True, "true"),
        ({"a": Decimal("0.10")}, '{"a":0.10}'),
    ],
)
def test_a_number_is_written_without_an_exponent(value: Any, text: str) -> None:
    assert as_text(value, "number") == text


@pytest.mark.parametrize(
    ("text", "type_", "expected"),
    [
        ("2026-03-01T23:30:00-08:00", "day", "2026-03-01"),
        ("2026-03-01", "date", "2026-03-01"),
        ("2026-03-01T10:00:00.123456+02:00", "date", "2026-03-01T10:00:00+02:00"),
        ("soon", "date", "soon"),
    ],
)
def test_a_date_is_written_as_hubspot_takes_it(text: str, type_: str, expected: str) -> None:
    assert as_date(text, type_) == expected


@pytest.mark.parametrize(
    "email",
    [
        "a@b.de",
        "a.b+c@d-e.co.uk",
        "o'neil@example.com",
        "a..b@c.de",
        ".a@c.de",
        "a@b",
        "a@b.1",
        "a b@c.de",
    ],
)
def test_relay_refuses_no_address_that_hubspot_accepts(email: str) -> None:
    assert is_accepted(email) is (hubspot_rules.email("email", email) is None)
