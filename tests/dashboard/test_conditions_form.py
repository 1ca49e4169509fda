"""The conditions form: rows to conditions, and back."""

from __future__ import annotations

from typing import Any

import pytest

from relay.dashboard import conditions_form
from relay.dashboard.conditions_form import ConditionBox, ConditionRow
from relay.mapping.conditions import Condition, ConditionGroup


@pytest.mark.parametrize(
    ("do", "shape"),
    [
        ("add", ["a", "b", ["c", "d"], ""]),
        ("add-box", ["a", "b", ["c", "d"], ["", ""]]),
        ("add:2", ["a", "b", ["c", "d", ""]]),
        ("add:0", ["a", "b", ["c", "d"]]),
        ("drop:1", ["a", ["c", "d"]]),
        ("drop:2", ["a", "b"]),
        ("drop:2.0", ["a", "b", ["d"]]),
        ("drop:9", ["a", "b", ["c", "d"]]),
        ("drop:1.5", ["a", "b", ["c", "d"]]),
        ("nonsense:²", ["a", "b", ["c", "d"]]),
    ],
)
def test_buttons_add_and_remove_rows(do: str, shape: list[Any]) -> None:
    form = {
        "match": "any",
        **{f"c{n}-path": f'["{name}"]' for n, name in ((0, "a"), (10, "b"))},
        "c20-match": "all",
        "c20.1-path": '["d"]',
        "c20.0-path": '["c"]',
        "c-path": "x",
        "c1000-path": "x",
        "c²-path": "x",
    }
    box = conditions_form.changed(conditions_form.posted(form), do)

    def names(one: Any) -> Any:
        if isinstance(one, ConditionBox):
            return [names(inner) for inner in one.items]
        return one.condition.path[0] if one.path else ""

    assert names(box) == shape
    assert box.match == "any"


def test_conditions_survive_the_form() -> None:
    group = ConditionGroup(
        "any",
        (
            Condition(("data", "total"), "at_least", "5"),
            ConditionGroup("all", (Condition(("data", "fields", "E-mail"), "is_filled"),)),
        ),
    )
    assert conditions_form.box_of(group).group == group
    assert ConditionBox(
        "all", (ConditionRow(), ConditionBox("any", (ConditionRow(),)))
    ).group == ConditionGroup("all")
