"""HubSpot: an HTTP server that responds as documented by HubSpot."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from relay.destinations.base import MessageResult
from relay.destinations.kinds.hubspot import errors, known_errors, limits
from relay.destinations.loading import load_config
from relay.destinations.outcomes.known_errors import ErrorAction, KnownError
from relay.destinations.redaction import mask_request
from relay.errors import Invalid, Undeliverable
from relay.event_types import SAMPLES
from relay.rules.lifecycle import Accepted, Failed, Held, Refused
from relay.transport.client import Transport
from relay.transport.request import Reply
from tests.support.fake_hubspot import (
    FORM,
    PORTAL,
    TOKEN,
    Answer,
    FakeHubSpot,
    error,
    form_error,
    invalid,
    too_many,
)
from tests.support.hubspot_calls import KIND, config, deliver, event, lead, with_account
from tests.support.hubspot_rules import problem, unknown


def test_an_order_becomes_a_deal_associated_with_the_contact_of_its_customer(
    hubspot: FakeHubSpot,
) -> None:
    settings = with_account(hubspot)
    (done,) = deliver(settings, event(settings, "order.created"))
    assert isinstance(done.signal, Accepted)
    assert hubspot.contacts == [
        {"email": "jane@example.com", "firstname": "Jane", "lastname": "Example"}
    ]
    (deal,) = hubspot.deals
    assert deal == {
        "relay_order_key": "shop.example.com:1042",
        "dealname": "Order 1042 from Shop",
        "amount": "129.90",
        "dealstage": "paid",
        "pipeline": "shop",
        "closedate": "2026-01-15T10:30:00+00:00",
    }
    ids = [objects[0].id for objects in (hubspot.objects["deals"], hubspot.objects["contacts"])]
    assert hubspot.joined == {tuple(ids)}
    assert [call.request.url.rpartition("/crm/")[2] for call in done.calls] == [
        "objects/2026-03/contacts/batch/upsert",
        "objects/2026-03/deals/batch/upsert",
        "properties/2026-03/deals",
        "objects/2026-03/deals/batch/upsert",
        "associations/2026-03/deals/contacts/batch/associate/default",
    ]


@pytest.mark.parametrize("version", ["v3", "2026-03"])
def test_a_repeated_call_creates_no_duplicates(hubspot: FakeHubSpot, version: str) -> None:
    settings = config(hubspot, api_version=version) | {"account": with_account(hubspot)["account"]}
    for _ in range(3):
        (done,) = deliver(settings, event(settings, "order.created"))
        assert isinstance(done.signal, Accepted)
    moved = event(
        settings, "order.status_changed", data=SAMPLES["order.created"] | {"status": "failed"}
    )
    deliver(settings, moved)
    assert len(hubspot.contacts) == len(hubspot.deals) == len(hubspot.joined) == 1
    assert hubspot.deals[0]["dealstage"] == "gone"
    assert [p["name"] for p in hubspot.properties["deals"]].count("relay_order_key") == 1


def test_repeating_a_call_with_a_lost_response_creates_no_duplicates(hubspot: FakeHubSpot) -> None:
    settings = with_account(hubspot)
    deliver(settings, event(settings, "order.created"))
    hubspot.next("associate", Answer(hang_up=True))
    (broken,) = deliver(settings, event(settings, "order.created"))
    assert isinstance(broken.signal, Failed)
    (again,) = deliver(settings, event(settings, "order.created"))
    assert isinstance(again.signal, Accepted)
    assert len(hubspot.contacts) == len(hubspot.deals) == 1


def test_an_order_without_an_e_mail_address_is_only_a_deal(hubspot: FakeHubSpot) -> None:
    settings = with_account(hubspot)
    data = SAMPLES["order.created"] | {"customer": {"name": "Jane"}}
    (done,) = deliver(settings, event(settings, "order.created", data=data))
    assert isinstance(done.signal, Accepted)
    assert (len(hubspot.contacts), len(hubspot.deals), len(hubspot.joined)) == (0, 1, 0)


def test_a_lead_becomes_a_contact_with_any_field_labels(hubspot: FakeHubSpot) -> None:
    settings = with_account(hubspot)
    fields = {
        "Vorname": "Zoë",
        "Nachname": "Müller & Söhne <b>",
        "Ihre Adresse im Netz": "zoe@example.com",
        "Telefon": "+49 30 1",
        "Company name": "Tee & Co",
        "Nachricht": "Bitte\nRückruf",
    }
    (done,) = deliver(
        settings, event(settings, "lead.created", data={"form": {}, "fields": fields})
    )
    assert isinstance(done.signal, Accepted)
    assert hubspot.contacts == [
        {
            "email": "zoe@example.com",
            "firstname": "Zoë",
            "lastname": "Müller & Söhne <b>",
            "phone": "+49 30 1",
            "company": "Tee & Co",
            "message": "Bitte\nRückruf",
        }
    ]


def test_a_name_in_one_field_is_split(hubspot: FakeHubSpot) -> None:
    settings = with_account(hubspot)
    deliver(settings, event(settings, "lead.created"))
    (contact,) = hubspot.contacts
    assert (contact["firstname"], contact["lastname"]) == ("Jane", "Example")
    assert contact["message"] == "Please call me about a bulk order."


def test_a_comment_becomes_a_contact_without_its_text(hubspot: FakeHubSpot) -> None:
    settings = with_account(hubspot)
    (done,) = deliver(settings, event(settings, "comment.created"))
    assert isinstance(done.signal, Accepted)
    assert hubspot.contacts == [
        {"email": "jane@example.com", "firstname": "Jane", "lastname": "Example"}
    ]


def test_a_form_submission_has_source_and_consent(hubspot: FakeHubSpot) -> None:
    settings = config(hubspot, leads="form", portal_id=PORTAL, form_guid=FORM)
    (done,) = deliver(settings, event(settings, "lead.created"))
    assert isinstance(done.signal, Accepted)
    (submission,) = hubspot.submissions
    assert {"objectTypeId": "0-1", "name": "email", "value": "jane@example.com"} in submission[
        "fields"
    ]
    assert submission["context"]["pageUri"] == "https://shop.example.com/contact"
    assert submission["legalConsentOptions"]["consent"]["consentToProcess"] is True
    without = SAMPLES["lead.created"] | {"consent": False}
    deliver(settings, event(settings, "lead.created", data=without))
    assert "legalConsentOptions" not in hubspot.submissions[1]
    assert not hubspot.contacts


def test_the_test_event_of_a_site_reads_the_account_and_writes_nothing(
    hubspot: FakeHubSpot,
) -> None:
    settings = config(hubspot)
    (done,) = deliver(settings, event(settings, "relay.test"))
    assert isinstance(done.signal, Accepted)
    assert [seen.method for seen in hubspot.requests] == ["GET"]


def test_a_test_is_marked_and_is_not_a_real_order(hubspot: FakeHubSpot) -> None:
    settings = with_account(hubspot)
    deliver(settings, event(settings, "order.created", is_test=True))
    (deal,) = hubspot.deals
    assert deal["dealname"].startswith("TEST ")
    (contact,) = hubspot.contacts
    assert (contact["firstname"], contact["email"]) == ("TEST Jane", "relay-test@example.com")
    assert deal["relay_order_key"] == "shop.example.com:event:evt-1"


@pytest.mark.parametrize(
    ("event_type", "data", "code"),
    [
        ("lead.created", {"form": {}, "fields": {"Name": "Jane"}}, "no_email"),
        ("comment.created", {"author": "Jane", "content": "x"}, "no_email"),
    ],
)
def test_an_event_for_a_contact_without_an_e_mail_address_is_refused(
    event_type: str, data: Any, code: str
) -> None:
    settings = config()
    (done,) = deliver(settings, event(settings, event_type, data=data))
    assert isinstance(done.signal, Refused) and done.signal.code == code
    assert not done.calls
    with pytest.raises(Undeliverable):
        KIND.build(settings, event(settings, event_type, data=data))


# ---- many together ----------------------------------------------------------------------------


def test_a_hundred_leads_are_one_call(hubspot: FakeHubSpot) -> None:
    settings = with_account(hubspot)
    hubspot.forget()
    leads = [event(settings, "lead.created", n, lead(n)) for n in range(100)]
    done = deliver(settings, *leads)
    assert all(isinstance(one.signal, Accepted) for one in done)
    assert len(hubspot.requests) == 1 and len(hubspot.contacts) == 100
    assert done[7].calls[0].together == 100
    kept = mask_request(done[7].calls[0].request)["body"]
    assert "person7@example.com" in kept and "person8@example.com" not in kept
    assert "person8@example.com" not in done[7].calls[0].reply.text


@pytest.mark.parametrize("multi_status", [True, False])
def test_one_invalid_record_does_not_stop_the_others(
    hubspot: FakeHubSpot, multi_status: bool
) -> None:
    hubspot.multi_status = multi_status
    settings = with_account(hubspot)
    leads = [event(settings, "lead.created", n, lead(n)) for n in range(30)]
    leads[13] = replace(leads[13], mapped={**leads[13].mapped, "contact.email": "not an address"})
    done = deliver(settings, *leads)
    bad = [n for n, one in enumerate(done) if not isinstance(one.signal, Accepted)]
    assert bad == [13] and len(hubspot.contacts) == 29
    signal = done[13].signal
    assert isinstance(signal, Refused) and (signal.code, signal.field) == ("bad_value", "email")


@pytest.mark.parametrize("multi_status", [True, False])
def test_a_property_that_the_account_does_not_have_is_left_out_of_each_record(
    hubspot: FakeHubSpot, multi_status: bool
) -> None:
    hubspot.multi_status = multi_status
    settings = with_account(hubspot)
    hubspot.forget()
    leads = [event(settings, "lead.created", n, lead(n)) for n in range(40)]
    for n in range(0, 40, 2):
        leads[n] = replace(leads[n], mapped={**leads[n].mapped, "contact.company_size": "5"})
    done = deliver(settings, *leads)
    assert all(isinstance(one.signal, Accepted) for one in done)
    assert len(hubspot.contacts) == 40 and len(hubspot.requests) == 2
    (note,) = done[0].notes
    assert (note.field, done[1].notes) == ("contact.company_size", ())
    assert note.sentence == (
        "Sent without: company_size — HubSpot does not accept this field: it does not exist in your "
        "account"
    )


def test_if_all_records_are_invalid_the_calls_are_limited(
    hubspot: FakeHubSpot,
) -> None:
    hubspot.multi_status = False
    settings = with_account(hubspot)
    hubspot.forget()
    leads = [event(settings, "lead.created", n, lead(n)) for n in range(100)]
    leads = [replace(one, mapped={**one.mapped, "contact.email": "nowhere"}) for one in leads]
    leads = [
        replace(one, mapped={**one.mapped, "contact.email": f"nowhere{n}"})
        for n, one in enumerate(leads)
    ]
    done = deliver(settings, *leads)
    assert len(hubspot.requests) <= 25
    refused = [one for one in done if isinstance(one.signal, Refused)]
    waiting = [one for one in done if isinstance(one.signal, Held)]
    assert len(refused) >= 5 and len(refused) + len(waiting) == 100


def test_two_events_of_one_person_are_written_in_order(hubspot: FakeHubSpot) -> None:
    settings = with_account(hubspot)
    one = event(settings, "lead.created", 1, lead(1, "a@example.com", Phone="1"))
    two = event(settings, "lead.created", 2, lead(2, "A@example.com", Phone="2"))
    done = deliver(settings, one, two)
    assert all(isinstance(each.signal, Accepted) for each in done)
    assert [contact["phone"] for contact in hubspot.contacts] == ["2"]


def test_a_record_without_a_result_is_a_failure(hubspot: FakeHubSpot) -> None:
    settings = with_account(hubspot)
    lie = {"status": "COMPLETE", "results": []}
    for body in (json.dumps(lie).encode(), b"<html>welcome</html>", b""):
        hubspot.next("upsert", Answer(200, body))
        (done,) = deliver(settings, event(settings, "lead.created"))
        assert isinstance(done.signal, Failed) and done.signal.code == "no_result"


def test_a_new_property_that_hubspot_does_not_use_yet_is_retried(hubspot: FakeHubSpot) -> None:
    settings = with_account(hubspot)
    missing = invalid(unknown("relay_order_key"))
    hubspot.next("deals/batch/upsert", missing, missing)
    (done,) = deliver(settings, event(settings, "order.created"))
    assert isinstance(done.signal, Failed) and done.signal.code == "new_property"
    (again,) = deliver(settings, event(settings, "order.created"))
    assert isinstance(again.signal, Accepted) and len(hubspot.deals) == 1


# ---- every documented error -------------------------------------------------------------------

SIGNALS = {
    ErrorAction.RETRY: Failed,
    ErrorAction.WAIT: Held,
    ErrorAction.PAUSE: Refused,
    ErrorAction.FIX: Refused,
}


def check(done: MessageResult, known: KnownError) -> None:
    signal = done.signal
    assert isinstance(signal, SIGNALS[known.action])
    assert isinstance(signal, Failed | Held | Refused)
    assert signal.code == known.code and signal.sentence == known.sentence
    assert signal.sentence.endswith(".")
    if isinstance(signal, Refused):
        assert signal.pause is (known.action is ErrorAction.PAUSE)


@pytest.mark.parametrize("category", known_errors.CATEGORIES)
def test_every_category_has_its_outcome(hubspot: FakeHubSpot, category: str) -> None:
    settings = config(hubspot)
    status = 429 if category == "RATE_LIMITS" else 400
    hubspot.next("upsert", error(status, category, "Something."))
    (done,) = deliver(settings, event(settings, "lead.created"))
    check(done, known_errors.CATEGORIES[category])


@pytest.mark.parametrize("status", known_errors.STATUSES)
def test_every_status_has_its_outcome(hubspot: FakeHubSpot, status: int) -> None:
    settings = config(hubspot)
    hubspot.next("upsert", Answer(status, b"<html>sorry</html>"))
    (done,) = deliver(settings, event(settings, "lead.created"))
    check(done, known_errors.STATUSES[status])


@pytest.mark.parametrize("word", known_errors.FIELD_ERRORS)
def test_every_field_error_names_its_field(hubspot: FakeHubSpot, word: str) -> None:
    settings = config(hubspot)
    hubspot.next("upsert", invalid(problem("company_size", word, word)))
    (done,) = deliver(settings, event(settings, "lead.created"))
    signal = done.signal
    assert isinstance(signal, Refused)
    assert (signal.code, signal.field) == (known_errors.FIELD_ERRORS[word][0], "company_size")
    assert "company_size" in signal.sentence and signal.sentence.endswith(".")


@pytest.mark.parametrize("word", known_errors.FORM_ERRORS)
def test_every_form_error_has_its_outcome(hubspot: FakeHubSpot, word: str) -> None:
    settings = config(hubspot, leads="form", portal_id=PORTAL, form_guid=FORM)
    hubspot.next("submit", form_error(word, "email"))
    (done,) = deliver(settings, event(settings, "lead.created"))
    check(done, known_errors.FORM_ERRORS[word])
    signal = done.signal
    assert isinstance(signal, Refused) and signal.field == "email"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"message": 'Property \\"company_size\\" does not exist'}, "company_size"),
        ({"errors": [{"message": 'Property "a" does not exist', "code": "X"}]}, "a"),
        (
            {
                "errors": [
                    {"message": "no", "code": "INVALID_OPTION", "context": {"propertyName": ["b"]}}
                ]
            },
            "b",
        ),
        ({"message": "Property values were not valid: [{broken"}, ""),
        ({"errors": "nonsense"}, ""),
        ({}, ""),
    ],
)
def test_the_field_is_found_in_every_documented_form_of_an_error(
    hubspot: FakeHubSpot, body: Any, field: str
) -> None:
    settings = config(hubspot)
    hubspot.next(
        "upsert", Answer(400, json.dumps({"category": "VALIDATION_ERROR"} | body).encode())
    )
    (done,) = deliver(settings, event(settings, "lead.created"))
    assert isinstance(done.signal, Refused) and done.signal.field == field


def test_the_short_rate_limit_holds_for_one_interval(hubspot: FakeHubSpot) -> None:
    for policy in ("TEN_SECONDLY_ROLLING", "SECONDLY"):
        hubspot.next("upsert", too_many(policy))
        settings = config(hubspot)
        (done,) = deliver(settings, event(settings, "lead.created"))
        assert isinstance(done.signal, Held) and done.signal.wait_s == 10.0


@pytest.mark.parametrize(
    ("account", "hours"),
    [
        ({"time_zone": "America/New_York"}, 3.0),
        ({"time_zone": "US/Eastern"}, 3.0),
        ({"time_zone": "Nowhere/Land", "utc_offset_ms": 3_600_000}, 21.0),
        ({}, 22.0),
    ],
)
def test_the_daily_quota_holds_until_midnight_of_the_account(
    account: dict[str, Any], hours: float
) -> None:
    answer = too_many("DAILY")
    moment = (("Date", "Thu, 15 Jan 2026 02:00:00 GMT"),)
    signal = errors.signal_of(Reply(answer.status, moment, answer.body), account)
    assert isinstance(signal, Held) and signal.code == "daily_limit"
    assert signal.wait_s == hours * 3600


def test_midnight_is_correct_when_daylight_saving_changes() -> None:
    zone = limits.zone_of({"time_zone": "Europe/Berlin"})
    noon = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # a day of 23 hours
    assert limits.next_midnight(noon, zone) == datetime(2026, 3, 29, 22, 0, tzinfo=UTC)


@pytest.mark.parametrize("trouble", [Answer(hang_up=True), Answer(200, b'{"results": [')])
def test_invalid_responses_are_retried(hubspot: FakeHubSpot, trouble: Answer) -> None:
    settings = config(hubspot)
    hubspot.next("upsert", trouble)
    (done,) = deliver(settings, event(settings, "lead.created"))
    assert isinstance(done.signal, Failed)


def test_slow_responses_are_retried(hubspot: FakeHubSpot) -> None:
    settings = config(hubspot)
    hubspot.next("upsert", Answer(delay_s=5))
    transport = Transport((ipaddress.ip_network("127.0.0.0/8"),))
    (done,) = KIND.deliver(
        settings,
        [event(settings, "lead.created")],
        lambda request: KIND.send(replace(request, timeout_s=0.3), transport),
    )
    assert isinstance(done.signal, Failed) and done.signal.code == "timeout"


# ---- the account -------------------------------------------------------------------------------


def test_the_properties_of_the_account_are_the_targets(hubspot: FakeHubSpot) -> None:
    account = with_account(hubspot)["account"]
    targets = {one.name: one for one in KIND.targets({}, account)}
    assert account["time_zone"] == "Europe/Berlin" and account["portal_id"] == PORTAL
    kinds = {name: one.type for name, one in targets.items()}
    assert kinds["contact.email"] == "email" and kinds["contact.message"] == "long_text"
    assert kinds["contact.newsletter"] == "yes_no" and kinds["contact.birthday"] == "day"
    assert kinds["deal.amount"] == "number"
    assert targets["contact.industry"].choices == (("tea", "Tea"), ("coffee", "Coffee"))
    assert targets["deal.dealstage"].choices[1] == ("paid", "Paid")
    assert targets["contact.email"].required and targets["deal.dealname"].required
    assert {one.group for one in targets.values()} == {"Contact", "Deal"}
    for left_out in ("contact.hs_object_id", "contact.hs_secret", "deal.hs_createdate"):
        assert left_out not in targets
    assert not any("relay_order_key" in name or "calculated" in name for name in targets)


def test_a_token_without_access_to_deals_still_reads_the_contacts(hubspot: FakeHubSpot) -> None:
    refusal = error(403, "MISSING_SCOPES", "This app hasn't been granted all required scopes.")
    hubspot.next("deals", refusal, refusal)
    account = with_account(hubspot)["account"]
    names = {one.name for one in KIND.targets({}, account)}
    assert "contact.industry" in names and account["pipelines"] == []


def test_the_standard_fields_are_the_targets_until_the_account_is_read() -> None:
    names = {one.name for one in KIND.targets({}, {})}
    assert {"contact.email", "contact.firstname", "deal.dealname", "deal.amount"} <= names


@pytest.mark.parametrize("event_type", sorted(SAMPLES))
def test_every_default_mapping_fills_existing_fields(hubspot: FakeHubSpot, event_type: str) -> None:
    settings = with_account(hubspot)
    names = {one.name for one in KIND.targets({}, settings["account"])}
    assert set(KIND.default_mapping(settings, event_type)) <= names


def test_values_are_written_in_hubspots_formats(hubspot: FakeHubSpot) -> None:
    settings = with_account(hubspot)
    one = replace(
        event(settings, "lead.created"),
        mapped={
            "contact.email": "a@example.com",
            "contact.newsletter": "Yes",
            "contact.birthday": "2000-02-29T12:00:00Z",
            "contact.numemployees": 7,
            "contact.company": ["a", "b"],
            "contact.website": "  ",
        },
    )
    deliver(settings, one)
    assert hubspot.contacts == [
        {
            "email": "a@example.com",
            "newsletter": "true",
            "birthday": "2000-02-29",
            "numemployees": "7",
            "company": "a;b",
        }
    ]


def test_reading_the_account_reports_a_wrong_token(hubspot: FakeHubSpot) -> None:
    settings = config(hubspot) | {"token": "pat-wrong"}
    transport = Transport((ipaddress.ip_network("127.0.0.0/8"),))
    with pytest.raises(Undeliverable, match="does not accept the access token"):
        KIND.read_account(settings, lambda request: KIND.send(request, transport))


def test_the_headers_have_the_quotas(hubspot: FakeHubSpot) -> None:
    settings = with_account(hubspot)
    (done,) = deliver(settings, event(settings, "lead.created"))
    day, interval = KIND.quotas(settings, done.calls[0].reply)
    assert (day.limit, day.remaining) == (hubspot.daily, hubspot.daily - hubspot.used)
    assert day.resets_at is not None and day.resets_at > datetime.now(UTC)
    assert (interval.limit, interval.remaining) == (100, 100 - len(hubspot.recent))


# ---- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"token": ""}, "token"),
        ({"token": "two words"}, "token"),
        ({"leads": "form", "form_guid": FORM}, "portal_id"),
        ({"leads": "form", "portal_id": PORTAL}, "form_guid"),
        ({"portal_id": "twelve"}, "portal_id"),
        ({"form_guid": "https://app.hubspot.com/forms/1"}, "form_guid"),
        ({"batch_size": "0"}, "batch_size"),
        ({"batch_size": "many"}, "batch_size"),
        ({"api_version": "v9"}, "api_version"),
        ({"base_url": "http://10.0.0.1"}, "base_url"),
    ],
)
def test_a_wrong_setting_is_reported_with_its_field(values: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        load_config(KIND, {"token": TOKEN, **values}, {})
    assert list(refused.value.reasons) == [field]


def test_the_token_is_never_shown() -> None:
    settings = config()
    calls = KIND.preview_requests(settings, event(settings, "order.created"))
    shown = json.dumps([mask_request(one) for one in calls])
    assert TOKEN not in shown and "Jane" in shown and "Order 1042" in shown
