"""Tables for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from flask import Response

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")


def cell(value: Any) -> str:
    """As text that no spreadsheet takes for a formula.

    Source: OWASP, "CSV Injection".
    """
    if isinstance(value, int | float):
        return str(value)
    text = "" if value is None else str(value)
    return ("'" + text if text.startswith(FORMULA) else text).replace("\0", "")


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """A file ``name`` to save, as RFC 4180 says; with the mark by which Excel knows UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([cell(one) for one in header])
    writer.writerows([cell(one) for one in row] for row in rows)
    response = Response("\ufeff" + text.getvalue(), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
