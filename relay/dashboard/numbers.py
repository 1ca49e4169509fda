"""Numbers in URLs: a number that no row can have is a page that does not exist."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import IntegerConverter


class RowNumber(IntegerConverter):
    """``<int:…>``: at most 18 digits, which both databases take."""

    regex = "[0-9]{1,18}"


def row_number(text: str) -> int:
    """The number of a row in a query or a form.  Raises ValueError."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValueError(f"{text[:40]!r} is not the number of a row.")
    return int(text)


def init_app(app: Flask) -> None:
    """Call it before any route is added."""
    app.url_map.converters["int"] = RowNumber
