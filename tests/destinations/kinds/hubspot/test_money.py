"""The amount of a deal keeps its digits and its currency, and follows refunds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.destinations.kinds.hubspot.money import WITHOUT_AMOUNT, net_amount
from relay.event_types import SAMPLES
from relay.rules.lifecycle import Accepted, Failed, Refused
from tests.support.fake_hubspot import Answer, FakeHubSpot
from tests.support.hubspot_calls import KIND, config, deliver, event, with_account
from tests.support.kind_contract import message

ORDER = SAMPLES["order.created"]
REFUND: dict[str, Any] = {
    "id": 2001,
    "order_id": 1042,
    "order_number": "1042",
    "order_status": "processing",
    "currency": "EUR",
    "amount": "29.90",
    "order_total": "129.90",
    "total_refunded": "29.90",
    "is_full": False,
    "customer": {"name": "Jane Example", "email": "jane@example.com"},
    "items": [],
    "created_at": "2026-03-02T12:00:00+00:00",
}


@pytest.mark.parametrize(
    "total", ["0.00001000", "999999999999999.99", "129.90", "0", "-5.10", "100.000"]
)
def test_an_amount_keeps_its_digits(hubspot: FakeHubSpot, total: str) -> None:
    settings = with_account(hubspot)
    (done,) = deliver(settings, event(settings, "order.created", data=ORDER | {"total": total}))
    assert isinstance(done.signal, Accepted)
    assert hubspot.deals[0]["amount"] == total


def test_an_order_in_a_currency_that_the_account_lacks_is_held_with_a_sentence(
    hubspot: FakeHubSpot,
) -> None:
    hubspot.company_currency = "USD"
    settings = with_account(hubspot)
    (done,) = deliver(settings, event(settings, "order.created"))
    assert isinstance(done.signal, Refused) and not done.signal.pause
    assert (done.signal.code, done.signal.field) == ("currency_not_used", "")
    assert done.signal.sentence.startswith(
        "The order is in EUR, but your HubSpot account uses only USD, so the amount would be wrong."
    )
    assert not hubspot.deals


def test_an_order_in_another_currency_is_a_deal_without_amount_if_a_person_chose_that(
    hubspot: FakeHubSpot,
) -> None:
    hubspot.company_currency = "USD"
    settings = with_account(hubspot, other_currency=WITHOUT_AMOUNT)
    one = event(settings, "order.created")
    (done,) = deliver(settings, one)
    assert isinstance(done.signal, Accepted)
    assert "amount" not in hubspot.deals[0]
    assert [note.sentence for note in done.notes] == [
        "Sent without: Amount — 129.90 EUR would be read as USD; your HubSpot account uses USD"
    ]


@pytest.mark.parametrize(("currency", "others"), [("USD", ["EUR", "CHF"]), ("EUR", ["USD"])])
def test_an_account_with_several_currencies_gets_the_currency_of_the_order(
    hubspot: FakeHubSpot, currency: str, others: list[str]
) -> None:
    hubspot.company_currency, hubspot.additional_currencies = currency, others
    settings = with_account(hubspot)
    (done,) = deliver(settings, event(settings, "order.created"))
    assert isinstance(done.signal, Accepted)
    deal = hubspot.deals[0]
    assert (deal["amount"], deal["deal_currency_code"]) == ("129.90", "EUR")


def test_a_currency_that_the_account_no_longer_has_does_not_become_another(
    hubspot: FakeHubSpot,
) -> None:
    hubspot.company_currency, hubspot.additional_currencies = "USD", ["EUR", "CHF"]
    settings = with_account(hubspot)
    hubspot.additional_currencies = ["CHF"]  # a person removes it in HubSpot
    (done,) = deliver(settings, event(settings, "order.created"))
    assert isinstance(done.signal, Refused) and done.signal.field == "deal_currency_code"
    assert not hubspot.deals


def test_an_amount_is_left_out_with_a_currency_that_hubspot_refuses(
    hubspot: FakeHubSpot,
) -> None:
    hubspot.company_currency, hubspot.additional_currencies = "USD", ["EUR", "CHF"]
    settings = with_account(hubspot, other_currency=WITHOUT_AMOUNT)
    hubspot.additional_currencies = ["CHF"]
    (done,) = deliver(settings, event(settings, "order.created"))
    assert isinstance(done.signal, Accepted)
    assert not {"amount", "deal_currency_code"} & set(hubspot.deals[0])
    assert {note.field for note in done.notes} == {"deal.amount", "deal.deal_currency_code"}


def test_the_preview_says_what_happens_to_an_order_in_another_currency(
    hubspot: FakeHubSpot,
) -> None:
    hubspot.company_currency = "USD"
    settings = with_account(hubspot, other_currency=WITHOUT_AMOUNT)
    (note,) = KIND.notes_of(settings, event(settings, "order.created"))
    assert note.sentence.startswith("Sent without: Amount — 129.90 EUR would be read as USD")


def test_the_currencies_are_read_before_the_first_deal_if_they_are_unknown(
    hubspot: FakeHubSpot,
) -> None:
    hubspot.company_currency = "USD"
    settings = config(hubspot)
    (done,) = deliver(settings, event(settings, "order.created"))
    assert isinstance(done.signal, Refused) and done.signal.code == "currency_not_used"
    hubspot.next("details", Answer(503))
    (done,) = deliver(settings, event(settings, "order.created"))
    assert isinstance(done.signal, Failed) and not hubspot.deals


def test_a_refund_takes_its_amount_off_the_deal_of_the_order(hubspot: FakeHubSpot) -> None:
    settings = with_account(hubspot)
    deliver(settings, event(settings, "order.created"))
    (done,) = deliver(settings, event(settings, "x.order.refunded", 2, REFUND))
    assert isinstance(done.signal, Accepted)
    (deal,) = hubspot.deals
    assert (deal["amount"], deal["dealstage"], deal["dealname"]) == (
        "100.00",
        "paid",
        "Order 1042 from Shop",
    )
    assert deal["closedate"] == "2026-01-15T10:30:00+00:00"
    assert len(hubspot.contacts) == 1


def test_a_full_refund_loses_the_deal(hubspot: FakeHubSpot) -> None:
    settings = with_account(hubspot)
    deliver(settings, event(settings, "order.created"))
    data = REFUND | {"order_status": "refunded", "amount": "129.90", "total_refunded": "129.90"}
    deliver(settings, event(settings, "x.order.refunded", 2, data))
    (deal,) = hubspot.deals
    assert (deal["amount"], deal["dealstage"]) == ("0.00", "gone")


def test_a_refund_that_arrives_before_its_order_makes_the_deal(hubspot: FakeHubSpot) -> None:
    settings = with_account(hubspot)
    (done,) = deliver(settings, event(settings, "x.order.refunded", 1, REFUND))
    assert isinstance(done.signal, Accepted)
    assert hubspot.deals[0]["relay_order_key"] == "shop.example.com:1042"


@pytest.mark.parametrize(
    ("data", "amount", "expected"),
    [
        ({"total": "10.00", "total_refunded": "2.5"}, "10.00", "7.50"),
        ({"total": "10.00", "total_refunded": "2.5"}, "8.40", "8.40"),  # a person's own amount
        ({"total": "10.00"}, "10.00", "10.00"),
        ({"total": "10.00", "total_refunded": "some"}, "10.00", "10.00"),
    ],
)
def test_only_the_total_is_reduced_by_refunds(
    data: dict[str, Any], amount: str, expected: str
) -> None:
    one = message(event_type="order.status_changed", data=data)
    assert net_amount(one, amount) == expected


AMOUNTS = st.decimals(min_value=-(10**15), max_value=10**15, places=8)


@given(AMOUNTS, AMOUNTS)
def test_any_amount_is_reduced_exactly(total: Decimal, refunded: Decimal) -> None:
    one = message(data={"total": f"{total:f}", "total_refunded": f"{refunded:f}"})
    assert Decimal(net_amount(one, f"{total:f}")) == total - refunded
