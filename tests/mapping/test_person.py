"""Erasing a person's data from an event."""

from __future__ import annotations

from typing import Any

import pytest

from relay.mapping.person import MARKER, erase, scrub

EMAIL = "Jane.Doe@example.org"
COMMENT = {
    "id": 7, "post_id": 42, "author": "Jane Doe", "content": "Call me at 0221 12345", "status": "approved",
    "author_email": "jane.doe@EXAMPLE.org", "author_url": "https://jane.example", "post_title": "Hello world!",
    "created_at": "2026-03-01T12:00:00Z", "parent": None,
}  # fmt: skip
ORDER = {
    "id": 9, "number": "1009", "status": "processing", "currency": "EUR", "total": "129.90",
    "customer": {"id": 3, "name": "Jane Doe", "email": "jane.doe@example.org", "phone": 4922112345,
                 "address": {"city": "Köln", "lines": ["Domplatz 1"]}},
    "items": [{"name": "Blue mug", "quantity": 2, "total": "19.80"}], "created_at": "2026-03-01 12:00:00",
}  # fmt: skip
LEAD = {
    "form": {"plugin": "cf7", "id": 5, "title": "Contact"},
    "fields": {"Your name": "Jane", "E-mail": "jane.doe@example.org", "Newsletter": True, "Topics": ["a", "b"]},
}  # fmt: skip


def test_an_event_about_the_person_keeps_only_impersonal_fields() -> None:
    found = erase(COMMENT, EMAIL)
    assert found is not None and found.is_about
    assert found.data == COMMENT | dict.fromkeys(
        ("author", "content", "author_email", "author_url"), MARKER
    )
    assert "Jane Doe" in found.values and "Jane Doe" not in repr(found)


def test_an_order_keeps_its_items_and_totals_without_the_customer() -> None:
    found = erase(ORDER, EMAIL)
    assert found is not None
    assert found.data["items"] == ORDER["items"] and found.data["total"] == "129.90"
    assert found.data["customer"] == {
        "id": 3, "name": MARKER, "email": MARKER, "phone": MARKER, "address": {"city": MARKER, "lines": [MARKER]},
    }  # fmt: skip


def test_the_options_of_an_item_are_erased_and_the_lines_of_an_order_stay() -> None:
    item = {"name": "Mug", "total": "9.00", "options": {"Engraving": "For Jane", "name": "Jane"}}
    lines = {"shipping_lines": [{"name": "Post & parcel"}], "coupon_lines": [{"code": "SPRING"}]}
    found = erase(ORDER | lines | {"items": [item], "transaction_id": "ch_1"}, EMAIL)
    assert found is not None
    assert found.data["items"] == [item | {"options": dict.fromkeys(("Engraving", "name"), MARKER)}]
    assert {name: found.data[name] for name in lines} == lines
    assert found.data["transaction_id"] == MARKER


def test_all_answers_of_a_form_are_erased_and_the_form_stays() -> None:
    found = erase(LEAD, EMAIL)
    assert found is not None
    assert found.data == {
        "form": LEAD["form"],
        "fields": {"Your name": MARKER, "E-mail": MARKER, "Newsletter": True, "Topics": [MARKER] * 2},
    }  # fmt: skip


def test_the_types_of_a_forms_fields_stay_and_their_words_are_not_erased_elsewhere() -> None:
    types = {"Your name": "name", "E-mail": "email"}
    found = erase(LEAD | {"types": types}, EMAIL)
    assert found is not None and found.data["types"] == types
    assert not {"name", "email"} & found.values


def test_an_event_of_another_person_loses_only_the_mentioned_address() -> None:
    data = COMMENT | {
        "author": "Bob",
        "author_email": "bob@example.org",
        "content": f"Write to {EMAIL}!",
    }
    found = erase(data, EMAIL)
    assert found is not None and not found.is_about
    assert found.data == data | {"content": f"Write to {MARKER}!"}


@pytest.mark.parametrize("data", [{}, {"a": 1}, {"email": "other@example.org"}, None, [], "text"])
def test_an_event_without_the_person_does_not_change(data: Any) -> None:
    assert erase(data, EMAIL) is None


def test_scrub_ignores_case_and_short_values() -> None:
    assert scrub("JANE DOE and Al", {"Jane Doe", "Al"}) == f"{MARKER} and Al"
    assert scrub({"a jane doe": [None, 1, "x"]}, {"Jane Doe"}) == {f"a {MARKER}": [None, 1, "x"]}
