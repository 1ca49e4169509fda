"""CSV exports: spreadsheets run no formulas from the data."""

from __future__ import annotations

import pytest
from flask import Flask

from relay.dashboard.exports import csv_response
from relay.rules.csv_cells import safe_cell


@pytest.mark.parametrize("start", "=+-@\t\r")
def test_a_cell_that_looks_like_a_formula_is_text(start: str) -> None:
    assert safe_cell(f"{start}1+1") == f"'{start}1+1"
    assert safe_cell(f"a{start}") == f"a{start}"
    assert safe_cell(-1) == -1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_download_has_a_file_name_and_quotes_its_cells(app: Flask) -> None:
    with app.test_request_context():
        answer = csv_response("a list.csv", ["Name", "@n"], [['say "hi", Zoë', 1], ["=1", None]])
    assert answer.get_data().decode("utf-8-sig").split("\r\n") == [
        "Name,'@n", '"say ""hi"", Zoë",1', "'=1,", "",
    ]  # fmt: skip
    assert answer.headers["Content-Disposition"] == 'attachment; filename="a list.csv"'
