"""Downloads: what a spreadsheet would run comes as text."""

from __future__ import annotations

import pytest
from flask import Flask

from relay.dashboard.exports import csv_response, safe_cell


@pytest.mark.parametrize("sign", "=+-@\t\r")
def test_a_cell_that_a_spreadsheet_would_run_is_text(sign: str) -> None:
    assert safe_cell(f"{sign}1+1") == f"'{sign}1+1"
    assert safe_cell(f"a{sign}") == f"a{sign}"
    assert safe_cell(-1) == -1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_download_names_its_file_and_quotes_what_must_be(app: Flask) -> None:
    with app.test_request_context():
        answer = csv_response("a list.csv", ["Name", "@n"], [['say "hi", Zoë', 1], ["=1", None]])
    assert answer.get_data().decode("utf-8-sig").split("\r\n") == [
        "Name,'@n", '"say ""hi"", Zoë",1', "'=1,", "",
    ]  # fmt: skip
    assert answer.headers["Content-Disposition"] == 'attachment; filename="a list.csv"'
