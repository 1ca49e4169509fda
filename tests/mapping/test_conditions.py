"""Conditions: typed as people mean them, never an error, and told in words."""

from __future__ import annotations

import ast
import itertools
import sys
from pathlib import Path
from typing import Any

import pytest

from relay import event_types
from relay.mapping import conditions, operators, paths, phrasing
from relay.mapping.conditions import Condition, ConditionGroup, group_of
from relay.mapping.operators import OPERATORS

ORDER: dict[str, Any] = {
    "event": "order.created",
    "data": {
        "total": "129.90",
        "count": 3,
        "number": "007",
        "status": "Processing",
        "note": "  ",
        "nothing": None,
        "zero": 0,
        "consent": True,
        "refused": False,
        "created_at": "2026-03-01T23:30:00+00:00",
        "local_at": "2026-03-02T01:30:00+02:00",
        "day": "2026-03-01",
        "customer": {"country": "DE", "email": "Jane@Example.com", "phone": "0049 30 123"},
        "tags": ["VIP", "newsletter"],
        "items": [{"sku": "TEA-BLUE", "quantity": 2}, {"sku": "TEA-100", "quantity": 1}],
        "empty_list": [],
    },
}


def holds(path: str, op: str, value: str = "") -> bool:
    return Condition(("data", *path.split(".")), op, value).holds(ORDER)


@pytest.mark.parametrize(
    ("path", "op", "value", "expected"),
    [
        # numbers, as numbers and as decimal text
        ("total", "is", "129.9", True),
        ("total", "is", "129.91", False),
        ("total", "at_least", "129.90", True),
        ("total", "at_least", "1000", False),
        ("total", "more_than", "129.90", False),
        ("total", "less_than", "1000", True),
        ("total", "at_most", "99", False),
        ("count", "is", "3.0", True),
        ("count", "at_least", " 3 ", True),
        ("zero", "is", "0", True),
        ("zero", "is_filled", "", True),
        ("zero", "less_than", "-1", False),
        # text that is no number is never compared as one
        ("number", "is", "7", False),
        ("number", "is", "007", True),
        ("status", "at_least", "5", False),
        ("status", "at_most", "5", False),
        ("total", "at_least", "a lot", False),
        ("consent", "at_least", "1", False),
        # text in any case
        ("status", "is", " processing ", True),
        ("status", "is_not", "PROCESSING", False),
        ("customer.email", "ends_with", "@example.com", True),
        ("customer.email", "starts_with", "jane", True),
        ("customer.email", "contains", "EXAMPLE", True),
        ("customer.email", "not_contains", "example", False),
        ("customer.phone", "starts_with", "+49", False),
        # lists of values, in the event and in the condition
        ("customer.country", "one_of", "at, de , ch", True),
        ("customer.country", "none_of", "at,ch", True),
        ("customer.country", "one_of", "", False),
        ("tags", "is", "vip", True),
        ("tags", "is_not", "vip", False),
        ("tags", "contains", "letter", True),
        ("tags", "one_of", "a, VIP", True),
        ("items", "contains", "tea-blue", True),
        ("items", "is", "TEA-100", True),
        ("items", "not_contains", "coffee", True),
        ("items.0.sku", "is", "TEA-BLUE", True),
        ("items.9.sku", "is", "TEA-BLUE", False),
        # yes and no
        ("consent", "is", "yes", True),
        ("consent", "is", "true", True),
        ("consent", "is", "no", False),
        ("refused", "is", "no", True),
        ("refused", "is_filled", "", True),
        # days and instants
        ("created_at", "at_least", "2026-03-01", True),
        ("created_at", "more_than", "2026-03-01", False),
        ("created_at", "less_than", "2026-03-01T23:30:01Z", True),
        ("created_at", "is", "2026-03-02T00:30:00+01:00", True),
        ("local_at", "is", "2026-03-01", True),
        ("day", "at_most", "2026-02-28", False),
        ("day", "at_least", "yesterday", False),
        # what is missing
        ("gone", "is", "", True),
        ("gone", "is", "x", False),
        ("gone", "is_not", "x", True),
        ("gone", "contains", "x", False),
        ("gone", "not_contains", "x", True),
        ("gone", "none_of", "x", True),
        ("gone", "at_least", "0", False),
        ("gone", "is_empty", "", True),
        ("gone", "is_filled", "", False),
        ("nothing", "is_empty", "", True),
        ("note", "is_empty", "", True),
        ("empty_list", "is_empty", "", True),
        ("gone.deeper.still", "is_empty", "", True),
        ("status.deeper", "is", "Processing", False),
        ("customer", "is_filled", "", True),
    ],
)
def test_a_condition_means_what_a_person_means(
    path: str, op: str, value: str, expected: bool
) -> None:
    assert holds(path, op, value) is expected


FIRST, LAST = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-10:00"  # out of UTC's calendar
VALUES = [
    None,
    "",
    "x",
    "NaN",
    "1e999",
    "9" * 100,
    "2026-13-45",
    1.5,
    True,
    [],
    {},
    [[[1]]],
    FIRST,
    LAST,
]
OTHERS = ["", "x", "NaN", "inf", "0", "2026-02-30", "9" * 100, ",", "٣", FIRST, LAST]


@pytest.mark.parametrize("op", OPERATORS)
def test_no_value_breaks_an_operator(op: str) -> None:
    for value, other in itertools.product(VALUES, OTHERS):
        one, scope = Condition(("data", "v"), op, other), {"data": {"v": value}}
        assert one.holds(scope) in (True, False)
        assert one.words() and one.why_not(scope)


def group(match: str, *items: Any) -> ConditionGroup:
    return ConditionGroup(match, items)


def total(op: str, value: str) -> Condition:
    return Condition(("data", "total"), op, value)


def country(value: str) -> Condition:
    return Condition(("data", "customer", "country"), "is", value)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (group("all"), True),
        (group("any"), True),
        (group("all", total("at_least", "100"), country("DE")), True),
        (group("all", total("at_least", "500"), country("DE")), False),
        (group("any", total("at_least", "500"), country("DE")), True),
        (group("any", total("at_least", "500"), country("AT")), False),
        (group("all", total("at_least", "100"), group("any", country("AT"), country("DE"))), True),
        (group("any", total("at_least", "500"), group("all", country("DE"), country("AT"))), False),
    ],
)
def test_groups_of_all_and_any_nest(wanted: ConditionGroup, expected: bool) -> None:
    assert wanted.holds(ORDER) is expected
    assert group_of(wanted.as_json()) == wanted


def test_nothing_stored_takes_everything() -> None:
    assert group_of(None).holds({}) and group_of({}).holds({})


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (group("all", total("at_least", "500")), "total 129.90 is not at least 500"),
        (group("all", country("AT")), "customer country “DE” is not “AT”"),
        (
            group("all", Condition(("data", "customer", "country"), "is_not", "de")),
            "customer country is “DE”",
        ),
        (
            group("all", Condition(("data", "customer", "vat"), "is", "x")),
            "it has no customer vat",
        ),
        (
            group("any", total("at_least", "500"), country("AT")),
            "total 129.90 is not at least 500 and customer country “DE” is not “AT”",
        ),
        (group("all", total("at_least", "1"), country("DE")), ""),
        (
            group("all", group("any", country("AT"), country("CH")), total("less_than", "9")),
            "customer country “DE” is not “AT” and customer country “DE” is not “CH” and "
            "total 129.90 is not less than 9",
        ),
        (
            group("all", Condition(("data", "tags"), "none_of", "vip, x")),
            "tags “VIP, newsletter” is one of “vip” or “x”",
        ),
    ],
)
def test_it_is_said_why_an_event_was_not_wanted(wanted: ConditionGroup, why: str) -> None:
    assert wanted.why_not(ORDER) == why


STATUS = Condition(("data", "status"), "is", "completed")


@pytest.mark.parametrize(
    ("types", "sites", "wanted", "read"),
    [
        (["*"], [], group("all"), "When anything happens, do it."),
        (
            ["*"],
            ["Shop A", "Shop B"],
            group("all"),
            "When anything happens on Shop A or Shop B, do it.",
        ),
        (["order.created"], [], group("all"), "When an order is placed, do it."),
        (
            ["order.status_changed"],
            ["Shop B"],
            group("all", STATUS, total("at_least", "500")),
            "When an order from Shop B becomes “completed” and its total is at least 500, do it.",
        ),
        (
            ["order.status_changed"],
            [],
            group("any", STATUS, total("at_least", "500")),
            "When an order changes its status and either its status is “completed” or its total is at least 500, do it.",
        ),
        (
            ["order.created"],
            [],
            group("all", total("at_least", "500"), group("any", country("DE"), country("AT"))),
            "When an order is placed and its total is at least 500 and either its customer country is "
            "“DE” or its customer country is “AT”, do it.",
        ),
        (
            ["comment.created", "x.signup"],
            [],
            group("all"),
            "When a comment is written or an event x.signup arrives, do it.",
        ),
        (
            ["order.created", "x.signup"],
            ["Shop"],
            group("any", total("at_least", "500"), group("all", country("DE"), country("AT"))),
            "When an order from Shop is placed or an event x.signup from Shop arrives, and either its "
            "total is at least 500 or its customer country is “DE” and its customer country is “AT”, "
            "do it.",
        ),
        (
            ["lead.*"],
            [],
            group("all", Condition(("data", "fields", "E-mail"), "is_filled")),
            "When a lead arrives and its E-mail is filled, do it.",
        ),
    ],
)
def test_a_subscription_is_read_back_as_a_sentence(
    types: list[str], sites: list[str], wanted: ConditionGroup, read: str
) -> None:
    assert phrasing.sentence(types, sites, wanted, "do it") == read


@pytest.mark.parametrize("module", [event_types, conditions, operators, paths, phrasing])
def test_conditions_need_nothing_but_the_standard_library(module: Any) -> None:
    tree = ast.parse(Path(module.__file__).read_text())
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    for name in names - {None}:
        ours = name.startswith("relay.mapping.") or name == "relay.event_types"
        assert ours or name.split(".")[0] in sys.stdlib_module_names


@pytest.mark.parametrize(
    ("path", "liquid", "words"),
    [
        (["data", "total"], "{{ data.total }}", "total"),
        (["data", "fields", "E-mail"], "{{ data.fields.E-mail }}", "E-mail"),
        (["data", "fields", "Your name"], '{{ data.fields["Your name"] }}', "Your name"),
        (
            ["data", "fields", 'The "real" one'],
            "{{ data.fields['The \"real\" one'] }}",
            'The "real" one',
        ),
        (["data", "items", "0", "sku"], "{{ data.items[0].sku }}", "items 0 sku"),
        (["data", "customer_note"], "{{ data.customer_note }}", "customer note"),
        (["site_name"], "{{ site_name }}", "site name"),
        (["ai", "intent"], "{{ ai.intent }}", "AI intent"),
    ],
)
def test_a_path_is_written_for_texts_and_for_people(
    path: list[str], liquid: str, words: str
) -> None:
    from relay.mapping.templates import render

    assert paths.in_liquid(path) == liquid
    assert paths.in_words(path) == words
    assert paths.from_text(paths.as_text(path)) == path
    scope: Any = "found"
    for key in reversed(path):
        scope = [scope] if key == "0" else {key: scope}
    assert render(liquid, scope) == "found"


@pytest.mark.parametrize("text", ["", "no json", "{}", "[1]", '["a",', "[" * 5000, "null"])
def test_nonsense_is_no_path(text: str) -> None:
    assert paths.from_text(text) == []
