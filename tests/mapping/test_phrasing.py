"""A subscription as a sentence."""

from __future__ import annotations

import pytest

from relay.mapping import phrasing
from relay.mapping.conditions import Condition, ConditionGroup
from tests.mapping.conftest import country, group, total

FIRST, LAST = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-10:00"  # out of UTC's calendar


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
def test_a_subscription_is_described_as_a_sentence(
    types: list[str], sites: list[str], wanted: ConditionGroup, read: str
) -> None:
    assert phrasing.sentence(types, sites, wanted, "do it") == read
