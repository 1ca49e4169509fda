"""CSV for spreadsheets: no formula from the data, whole lines."""

from __future__ import annotations

from typing import Any

import pytest

from relay.rules.csv_cells import csv_text, safe_cell


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@a", "'@a"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        (-1, -1),
        (None, None),
        ("1=1", "1=1"),
        ("", ""),
    ],
)
def test_a_formula_becomes_text(value: Any, cell: Any) -> None:
    assert safe_cell(value) == cell


def test_header_and_rows_are_lines_with_safe_cells() -> None:
    assert csv_text(["=a", "b"], [["x,y", 1], ["@c", None]]) == "'=a,b\r\n\"x,y\",1\r\n'@c,\r\n"
