"""A lead as a form submission: a field that the form refuses is left out."""

from __future__ import annotations

from relay.rules.lifecycle import Accepted, Refused
from tests.support.fake_hubspot import FORM, PORTAL, FakeHubSpot, form_error
from tests.support.hubspot_calls import config, deliver, event, lead


def test_a_field_that_the_form_does_not_have_is_left_out(hubspot: FakeHubSpot) -> None:
    settings = config(hubspot, leads="form", portal_id=PORTAL, form_guid=FORM)
    hubspot.forms[FORM] -= {"company", "phone"}
    data = lead(1, Company="Tea & Co", Phone="+49 30 1")
    (done,) = deliver(settings, event(settings, "lead.created", data=data))
    assert isinstance(done.signal, Accepted)
    (submission,) = hubspot.submissions
    assert {one["name"] for one in submission["fields"]} == {"email", "firstname", "lastname"}
    assert sorted(note.sentence for note in done.notes) == [
        "Sent without: Company name — the form in HubSpot does not have this field",
        "Sent without: Phone number — the form in HubSpot does not have this field",
    ]
    assert len(done.calls) == 3


def test_a_form_without_a_usable_address_is_refused(hubspot: FakeHubSpot) -> None:
    settings = config(hubspot, leads="form", portal_id=PORTAL, form_guid=FORM)
    data = lead(1, "person@shop.invalid")
    (done,) = deliver(settings, event(settings, "lead.created", data=data))
    assert isinstance(done.signal, Refused) and done.signal.field == "email"
    assert len(done.calls) == 1 and not hubspot.submissions


def test_a_form_that_refuses_field_after_field_is_given_up(hubspot: FakeHubSpot) -> None:
    settings = config(hubspot, leads="form", portal_id=PORTAL, form_guid=FORM)
    hubspot.next("submit", *[form_error("INVALID_NUMBER", "firstname")] * 20)
    (done,) = deliver(settings, event(settings, "lead.created"))
    assert isinstance(done.signal, Refused) and len(done.calls) == 2
