"""A property that HubSpot refuses is left out and the rest is sent, in few calls."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from relay.destinations.base import Message
from relay.event_types import SAMPLES
from relay.rules.lifecycle import Accepted, Failed, Refused
from tests.support.fake_hubspot import Answer, FakeHubSpot, invalid
from tests.support.hubspot_calls import deliver, event, lead, with_account
from tests.support.hubspot_rules import problem

MODES = pytest.mark.parametrize(
    ("multi_status", "echoes"), [(False, False), (False, True), (True, False), (True, True)]
)


def with_value(one: Message, name: str, value: Any) -> Message:
    """A message with a value that only HubSpot can judge."""
    return replace(one, mapped={**one.mapped, name: value})


@MODES
def test_a_value_that_hubspot_refuses_is_left_out_and_noted(
    hubspot: FakeHubSpot, multi_status: bool, echoes: bool
) -> None:
    hubspot.multi_status, hubspot.echoes_trace_ids = multi_status, echoes
    settings = with_account(hubspot)
    leads = [event(settings, "lead.created", n, lead(n)) for n in range(60)]
    leads[41] = with_value(leads[41], "contact.industry", "sold out")
    leads[42] = with_value(leads[42], "contact.birthday", "1990-13-31")
    hubspot.forget()
    done = deliver(settings, *leads)
    assert all(isinstance(one.signal, Accepted) for one in done)
    assert len(hubspot.contacts) == 60 and len(hubspot.requests) <= 8
    assert [note.sentence for note in done[41].notes] == [
        "Sent without: Industry — HubSpot does not accept “sold out”: it is not one of the options "
        "there"
    ]
    assert [note.field for note in done[42].notes] == ["contact.birthday"]
    assert not any(one.notes for n, one in enumerate(done) if n not in (41, 42))


def test_a_read_only_property_is_left_out_of_all_records_in_one_more_call(
    hubspot: FakeHubSpot,
) -> None:
    settings = with_account(hubspot)
    hubspot.forget()
    leads = [
        with_value(event(settings, "lead.created", n, lead(n)), "contact.hs_object_id", "7")
        for n in range(20)
    ]
    done = deliver(settings, *leads)
    assert all(isinstance(one.signal, Accepted) and one.notes for one in done)
    assert len(hubspot.requests) == 2


def test_a_unique_value_that_another_contact_has_is_left_out(hubspot: FakeHubSpot) -> None:
    settings = with_account(hubspot)
    leads = [
        with_value(event(settings, "lead.created", n, lead(n)), "contact.member_number", "A1")
        for n in range(2)
    ]
    for one in leads:
        (done,) = deliver(settings, one)
        assert isinstance(done.signal, Accepted)
    assert [note.sentence for note in done.notes] == [
        "Sent without: Member number — HubSpot does not accept “A1”: another record already has it"
    ]


def test_a_required_property_is_never_left_out(hubspot: FakeHubSpot) -> None:
    settings = with_account(hubspot)
    one = with_value(event(settings, "order.created"), "deal.dealstage", "no such stage")
    (done,) = deliver(settings, one)
    assert isinstance(done.signal, Refused)
    assert (done.signal.code, done.signal.field) == ("bad_value", "dealstage")
    assert not hubspot.deals


def test_a_record_refused_again_and_again_is_given_up_after_a_few_calls(
    hubspot: FakeHubSpot,
) -> None:
    settings = with_account(hubspot)
    hubspot.forget()
    refusal = invalid(problem("firstname", "INVALID_ALPHA", "Enter only letters"))
    hubspot.next("upsert", *[refusal] * 50)
    (done,) = deliver(settings, event(settings, "lead.created"))
    assert isinstance(done.signal, Refused) and done.signal.field == "firstname"
    assert len(hubspot.requests) == 2


def test_an_order_is_a_deal_with_a_note_if_the_link_to_its_contact_is_refused(
    hubspot: FakeHubSpot,
) -> None:
    settings = with_account(hubspot)
    refusal = {
        "status": "COMPLETE",
        "results": [],
        "numErrors": 1,
        "errors": [
            {"category": "OBJECT_NOT_FOUND", "message": "no", "context": {"toObjectId": ["1000"]}}
        ],
    }
    hubspot.next("associate", Answer(207, json.dumps(refusal).encode()))
    (done,) = deliver(settings, event(settings, "order.created"))
    assert isinstance(done.signal, Accepted) and len(hubspot.deals) == 1
    (note,) = done.notes
    assert note.sentence.startswith("Sent without: the link from deal to contact — ")


def test_an_order_is_retried_if_the_link_to_its_contact_fails_for_the_moment(
    hubspot: FakeHubSpot,
) -> None:
    settings = with_account(hubspot)
    hubspot.next("associate", Answer(503))
    (done,) = deliver(settings, event(settings, "order.created"))
    assert isinstance(done.signal, Failed)


def test_results_without_a_trace_id_are_matched_by_their_unique_value(
    hubspot: FakeHubSpot,
) -> None:
    hubspot.echoes_trace_ids = False
    settings = with_account(hubspot)
    orders = [
        event(settings, "order.created", n, SAMPLES["order.created"] | {"id": n}) for n in range(5)
    ]
    done = deliver(settings, *orders)
    assert all(isinstance(one.signal, Accepted) for one in done)
    assert len(hubspot.deals) == 5
