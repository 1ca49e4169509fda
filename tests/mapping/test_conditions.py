"""Which events match, and why an event does not."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import pytest

from relay import event_types
from relay.mapping import conditions, operators, paths, phrasing
from relay.mapping.conditions import Condition, ConditionGroup, group_of, matches_type
from tests.mapping.conftest import country, group, total
from tests.support.events import VARIED_ORDER

FIRST, LAST = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-10:00"  # out of UTC's calendar


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
def test_groups_of_all_and_any_can_be_nested(wanted: ConditionGroup, expected: bool) -> None:
    assert wanted.holds(VARIED_ORDER) is expected
    assert group_of(wanted.as_json()) == wanted


def test_no_conditions_match_every_event() -> None:
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
def test_the_reason_why_an_event_does_not_match(wanted: ConditionGroup, why: str) -> None:
    assert wanted.why_not(VARIED_ORDER) == why


@pytest.mark.parametrize(
    ("wanted", "words", "why_not"),
    [
        (
            Condition(("data", "total"), "at_least", "500"),
            "total is at least 500",
            "total 129.90 is not at least 500",
        ),
        (
            Condition(("data", "total"), "is_empty"),
            "total is empty",
            "total is 129.90 and not empty",
        ),
        (
            Condition(("data", "tags"), "one_of", "a, b"),
            "tags is one of “a” or “b”",
            "tags “VIP, newsletter” is none of “a” or “b”",
        ),
        (
            Condition(("data", "tags"), "is", "a, b"),
            "tags is “a, b”",
            "tags “VIP, newsletter” is not “a, b”",
        ),
        (Condition(("data", "vat"), "is_filled"), "vat is filled", "it has no vat"),
    ],
)
def test_a_condition_in_words(wanted: Condition, words: str, why_not: str) -> None:
    assert wanted.words() == words and wanted.why_not(VARIED_ORDER) == why_not


def test_a_stored_condition_without_a_value_compares_with_nothing() -> None:
    stored = {"match": "any", "items": [{"path": ["data", "x"], "op": "is_empty"}]}
    assert group_of(stored) == ConditionGroup("any", (Condition(("data", "x"), "is_empty", ""),))


@pytest.mark.parametrize("module", [event_types, conditions, operators, paths, phrasing])
def test_conditions_need_only_the_standard_library(module: Any) -> None:
    tree = ast.parse(Path(module.__file__).read_text())
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    for name in names - {None}:
        ours = name.startswith("relay.mapping.") or name in ("relay.event_types", "relay.i18n")
        assert ours or name.split(".")[0] in sys.stdlib_module_names


@pytest.mark.parametrize(
    ("patterns", "event_type", "wanted"),
    [
        (["*"], "order.created", True),
        (["order.*"], "order.created", True),
        (["order.*"], "orders.created", False),
        (["order.created"], "order.created", True),
        (["order.created"], "order.status_changed", False),
        (["comment.created", "x.*"], "x.own", True),
        ([], "order.created", False),
    ],
)
def test_patterns_match_event_types(patterns: list[str], event_type: str, wanted: bool) -> None:
    assert matches_type(patterns, event_type) is wanted
