"""CSV files that a spreadsheet opens without running formulas from the data."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from flask import Response

from relay.rules.csv_cells import safe_cell


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """A download called ``name``, in UTF-8 with the byte order mark that spreadsheets expect."""
    out = io.StringIO()
    writer = csv.writer(out)
    for row in (header, *rows):
        writer.writerow([safe_cell(cell) for cell in row])
    response = Response(f"\ufeff{out.getvalue()}", mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response
