"""An order's data in the forms that other services expect."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mapping import order_fields

CUSTOMER: dict[str, Any] = {
    "id": 7,
    "first_name": "Anna Maria",
    "last_name": "von der Heide",
    "name": "Anna Maria von der Heide",
    "company": "Tee & Co",
    "email": "anna@example.com",
    "phone": "+49 30 123456",
    "billing": {
        "company": "Tee & Co",
        "address_1": "Teeweg 1",
        "address_2": "Hinterhaus",
        "postcode": "10115",
        "city": "Berlin",
        "country": "DE",
    },
    "shipping": {"address_1": "1 Tea Road", "city": "Boston", "state": "MA", "postcode": "02108", "country": "US"},
}  # fmt: skip
ORDER: dict[str, Any] = {
    "id": 1042,
    "number": "1042-A",
    "status": "on-hold",
    "currency": "EUR",
    "total": "129.90",
    "customer": CUSTOMER,
    "items": [
        {"name": "Blue teapot", "quantity": 1},
        {"name": "Green tea, 100 g", "quantity": 2},
    ],
}


def test_the_parts_of_a_name_are_as_given_and_never_split_again() -> None:
    assert order_fields.first_name(ORDER) == "Anna Maria"
    assert order_fields.last_name(ORDER) == "von der Heide"
    only_first = {"customer": {"first_name": "Anna Maria", "name": "Anna Maria"}}
    assert (order_fields.first_name(only_first), order_fields.last_name(only_first)) == (
        "Anna Maria",
        "",
    )


def test_a_whole_name_is_split_only_without_parts() -> None:
    whole = {"customer": {"name": "Anna Maria von der Heide"}}
    assert order_fields.first_name(whole) == "Anna Maria"
    assert order_fields.last_name(whole) == "von der Heide"
    billing = {"customer": {"name": "A v. H."}, "billing": {"first_name": "Anna", "last_name": "H"}}
    assert (order_fields.first_name(billing), order_fields.last_name(billing)) == ("Anna", "H")
    assert (
        order_fields.full_name({"customer": {"first_name": "Anna", "last_name": "H"}}) == "Anna H"
    )


def test_the_customers_data_is_found() -> None:
    assert order_fields.email(ORDER) == "anna@example.com"
    assert order_fields.phone(ORDER) == "+49 30 123456"
    assert order_fields.company(ORDER) == "Tee & Co"
    elsewhere = {
        "customer": {},
        "billing": {"email": "b@example.com", "phone": "1", "company": "C"},
    }
    assert order_fields.email(elsewhere) == "b@example.com"
    assert order_fields.phone(elsewhere) == "1" and order_fields.company(elsewhere) == "C"


def test_an_address_is_written_as_on_a_letter() -> None:
    assert order_fields.address_text(ORDER, "billing") == (
        "Tee & Co\nTeeweg 1\nHinterhaus\n10115 Berlin\nDE"
    )
    assert order_fields.address_text(ORDER, "shipping") == "1 Tea Road\nBoston, MA 02108\nUS"
    assert order_fields.street(ORDER, "billing") == "Teeweg 1, Hinterhaus"
    assert order_fields.part(ORDER, "shipping", "state") == "MA"
    other = {"shipping": {"street": "Tea Road 1", "zip": "123", "town": "Teaville"}}
    assert order_fields.address_text(other, "shipping") == "Tea Road 1\n123 Teaville"
    assert order_fields.address_text({}, "billing") == ""


def test_the_items_are_a_text_and_a_number() -> None:
    assert order_fields.items_text(ORDER) == "1 × Blue teapot\n2 × Green tea, 100 g"
    assert order_fields.items_text(ORDER, ", ") == "1 × Blue teapot, 2 × Green tea, 100 g"
    assert order_fields.items_text(ORDER | {"items_left_out": 3}).endswith("\nand 3 more")
    assert order_fields.item_count(ORDER) == 3
    half = {"items": [{"name": "Cloth", "quantity": 0.5}, {"sku": "X"}]}
    assert order_fields.item_count(half) == "1.5"
    assert order_fields.items_text(half) == "0.5 × Cloth\nX"
    assert order_fields.item_count({"items": []}) is None


def test_an_item_has_the_options_that_its_name_does_not_have() -> None:
    options = {"Size": "L & XL", "Engraving": "For Jane", "Gift": "", "Colours": ["red", "blue"]}
    items = [{"name": "Hoodie - L & XL", "quantity": 2, "options": options}, {"name": "Tea", "options": []}]  # fmt: skip
    assert order_fields.items_text({"items": items}) == (
        "2 × Hoodie - L & XL (Engraving: For Jane, Colours: red, blue)\nTea"
    )


def test_a_gift_is_sent_to_its_recipient() -> None:
    shipping = {"first_name": "Maria Anna", "last_name": "de Souza", "address_1": "Gift Rd 2"}
    data = {"customer": CUSTOMER | {"shipping": shipping}}
    assert order_fields.address_text(data, "shipping") == "Maria Anna de Souza\nGift Rd 2"
    assert "Anna Maria" not in order_fields.address_text(data, "billing")


@pytest.mark.parametrize(
    ("status", "words", "stage"),
    [
        ("processing", "Processing", "won"),
        ("completed", "Completed", "won"),
        ("wc-completed", "Completed", "won"),
        ("cancelled", "Cancelled", "lost"),
        ("refunded", "Refunded", "lost"),
        ("failed", "Failed", "lost"),
        ("on-hold", "On hold", "new"),
        ("pending", "Pending payment", "new"),
        ("ready-for-pickup", "Ready for pickup", "new"),
        ("", "", "new"),
    ],
)
def test_a_status_has_words_and_a_stage(status: str, words: str, stage: str) -> None:
    data = {"status": status}
    assert order_fields.status_words(data) == words
    stages = {"paid": "won", "cancelled": "lost", "other": "new"}
    assert order_fields.by_status(data, stages) == stage
    assert order_fields.by_status({"order_status": status, "status": "x"}, stages) == stage


def test_a_stage_that_is_not_chosen_is_empty() -> None:
    assert order_fields.by_status({"status": "completed"}, {"other": "new"}) == ""


@pytest.mark.parametrize(
    ("total", "refunded", "left"),
    [
        ("129.90", "29.90", "100.00"),
        ("0.00001000", "0.00000500", "0.00000500"),
        ("999999999999999.99", "0.01", "999999999999999.98"),
        ("10.00", "10.00", "0.00"),
        ("10.00", "", ""),
        ("", "1", ""),
    ],
)
def test_the_total_after_refunds_is_exact(total: str, refunded: str, left: str) -> None:
    data = {"order_total": total, "total_refunded": refunded}
    assert order_fields.total_after_refunds(data) == left


def test_a_deal_is_named_after_the_order_and_its_site() -> None:
    assert order_fields.deal_name(ORDER, "Tea Shop") == "Order 1042-A from Tea Shop"
    assert order_fields.deal_name({"order_number": "7"}, "") == "Order 7"
    assert order_fields.total_with_currency(ORDER) == "129.90 EUR"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*ORDER, *CUSTOMER, "address_1", "quantity"]), inner, max_size=4
        )
    ),
    max_leaves=10,
)


@given(
    st.dictionaries(st.sampled_from([*ORDER, "order_total", "total_refunded"]), VALUES, max_size=6)
)
def test_any_order_is_read_without_an_error(data: dict[str, Any]) -> None:
    for find in (
        order_fields.first_name,
        order_fields.full_name,
        order_fields.email,
        order_fields.items_text,
        order_fields.item_count,
        order_fields.status_words,
        order_fields.total_after_refunds,
        order_fields.total_with_currency,
    ):
        find(data)
    order_fields.address_text(data, "billing")
    order_fields.by_status(data, {"paid": "x"})
