"""Which values of an event are a person's."""

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


def test_an_event_about_a_person_keeps_only_what_says_nothing_about_them() -> None:
    found = erase(COMMENT, EMAIL)
    assert found is not None and found.is_about
    assert found.data == COMMENT | dict.fromkeys(
        ("author", "content", "author_email", "author_url"), MARKER
    )
    assert "Jane Doe" in found.values and "Jane Doe" not in repr(found)


def test_an_order_keeps_its_items_and_sums_and_loses_its_customer() -> None:
    found = erase(ORDER, EMAIL)
    assert found is not None
    assert found.data["items"] == ORDER["items"] and found.data["total"] == "129.90"
    assert found.data["customer"] == {
        "id": 3, "name": MARKER, "email": MARKER, "phone": MARKER, "address": {"city": MARKER, "lines": [MARKER]},
    }  # fmt: skip


def test_every_answer_of_a_form_goes_and_the_form_stays() -> None:
    found = erase(LEAD, EMAIL)
    assert found is not None
    assert found.data == {
        "form": LEAD["form"],
        "fields": {"Your name": MARKER, "E-mail": MARKER, "Newsletter": True, "Topics": [MARKER] * 2},
    }  # fmt: skip


def test_an_event_of_somebody_else_loses_only_the_address_that_it_mentions() -> None:
    data = COMMENT | {
        "author": "Bob",
        "author_email": "bob@example.org",
        "content": f"Write to {EMAIL}!",
    }
    found = erase(data, EMAIL)
    assert found is not None and not found.is_about
    assert found.data == data | {"content": f"Write to {MARKER}!"}


@pytest.mark.parametrize("data", [{}, {"a": 1}, {"email": "other@example.org"}, None, [], "text"])
def test_an_event_without_the_person_is_left_alone(data: Any) -> None:
    assert erase(data, EMAIL) is None


def test_a_text_loses_values_in_any_case_and_keeps_short_ones() -> None:
    assert scrub("JANE DOE and Al", {"Jane Doe", "Al"}) == f"{MARKER} and Al"
    assert scrub({"a jane doe": [None, 1, "x"]}, {"Jane Doe"}) == {f"a {MARKER}": [None, 1, "x"]}
