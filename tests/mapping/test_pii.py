"""Personal data is masked with placeholders and restored; nothing else changes."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mapping.pii import Masker


def masked(text: str, **event: Any) -> str:
    found = Masker({"data": event}).mask(text)
    assert isinstance(found, str)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail jane.doe+shop@mail.example.co.uk now", "mail [EMAIL_1] now"),
        ("call 0171 1234567!", "call [PHONE_1]!"),
        ("call +49 (0)171 / 12 34 567 please", "call [PHONE_1] please"),
        ("call 0044 20 7946 0958", "call [PHONE_1]"),
        ("call (425) 882-8080", "call [PHONE_1]"),
        ("Tel. 030/901820", "Tel. [PHONE_1]"),
        ("IBAN DE89 3704 0044 0532 0130 00 thanks", "IBAN [IBAN_1] thanks"),
        ("GB82WEST12345698765432", "[IBAN_1]"),
        ("card 4111-1111-1111-1111.", "card [CARD_1]."),
        ("card 378282246310005 it is", "card [CARD_1] it is"),
        (
            "a@example.com and b@example.com and a@example.com",
            "[EMAIL_1] and [EMAIL_2] and [EMAIL_1]",
        ),
        (
            "order 1042 over 129.90 on 2026-03-01 at 10:30",
            "order 1042 over 129.90 on 2026-03-01 at 10:30",
        ),
        ("version 1.2.3 at 192.168.0.1, 4 pieces", "version 1.2.3 at 192.168.0.1, 4 pieces"),
        ("", ""),
    ],
)
def test_personal_data_is_found_by_its_pattern(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    ("event", "text", "expected"),
    [
        ({"author": "Jane Doe"}, "JANE DOE here, or just Jane", "[NAME_1] here, or just [NAME_2]"),
        ({"customer": {"first_name": "Zoë"}}, "Zoë wrote", "[NAME_1] wrote"),
        ({"fields": {"Your name": "Ann Lee"}}, "from Ann Lee", "from [NAME_1]"),
        ({"author": "Will"}, "I will pay", "I will pay"),
        ({"author": "Ann"}, "Annotated", "Annotated"),
        ({"fields": {"Phone": "12 34"}}, "ring 12 34", "ring [PHONE_1]"),
        ({"customer": {"address_1": "Elm Street 5"}}, "to elm street 5", "to [ADDRESS_1]"),
        ({"items": [{"name": "Blue teapot"}]}, "a Blue teapot", "a Blue teapot"),
        ({"form": {"title": "Contact", "name": "Contact"}}, "Contact us", "Contact us"),
    ],
)
def test_names_in_the_events_fields_are_masked_everywhere(
    event: dict[str, Any], text: str, expected: str
) -> None:
    assert masked(text, **event) == expected


def test_values_of_all_types_are_masked() -> None:
    value = {"a@example.com": [1, 2.5, True, None, 491711234567890, {"x": "b@example.com"}]}
    found = Masker({}).mask(value)
    assert found == {"[EMAIL_1]": [1, 2.5, True, None, found["[EMAIL_1]"][4], {"x": "[EMAIL_2]"}]}
    assert "example" not in json.dumps(found)


def test_a_visitor_cannot_forge_a_placeholder() -> None:
    masker = Masker({"data": {"author": "Jane Doe"}})
    text = masker.mask("I am [NAME_1] and [EMAIL_7], Jane Doe")
    assert text == "I am [TEXT_1] and [TEXT_2], [NAME_1]"
    assert masker.restore(text) == "I am [NAME_1] and [EMAIL_7], Jane Doe"
    assert masker.restore("[NAME_9] stays") == "[NAME_9] stays"


def test_texts_that_differ_only_in_personal_data_are_masked_the_same() -> None:
    one = Masker({"data": {"author": "Jane Doe"}}).mask("Jane Doe, jane@example.com: thanks")
    two = Masker({"data": {"author": "Max Miller"}}).mask("Max Miller, max@example.org: thanks")
    assert one == two


def test_the_types_of_a_forms_fields_are_no_names() -> None:
    masker = Masker({"data": {"fields": {"Name": "Jane Doe"}, "types": {"Name": "name"}}})
    assert masker.mask("my name is Jane Doe") == "my name is [NAME_1]"


def test_an_inactive_masker_changes_nothing() -> None:
    masker = Masker({"data": {"author": "Jane"}}, active=False)
    assert masker.mask({"a": "Jane, a@example.com"}) == {"a": "Jane, a@example.com"}


@given(st.text(max_size=300))
def test_restoring_a_masked_text_returns_the_original(text: str) -> None:
    masker = Masker({"data": {"author": "Jane Doe", "name": text[:40]}})
    assert masker.restore(masker.mask(text)) == text


@pytest.mark.parametrize(
    "text", ["DE89 1234 " * 2000, "a@" * 10_000, "(4 " * 7000, "+49 171 1 " * 2000, "1 " * 10_000]
)
def test_masking_is_fast_for_any_text(text: str) -> None:
    began = time.process_time()
    masked(text)
    assert time.process_time() - began < 5
