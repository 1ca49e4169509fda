"""Files that a person downloads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from flask import Response

from relay.rules.csv_cells import csv_text


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """A download called ``name``, in UTF-8 with the byte order mark that spreadsheets expect."""
    return _download(name, f"\ufeff{csv_text(header, rows)}", "text/csv")


def json_response(name: str, value: Any) -> Response:
    """``value`` as a download called ``name``."""
    return _download(name, json.dumps(value, ensure_ascii=False, indent=2), "application/json")


def _download(name: str, text: str, mimetype: str) -> Response:
    response = Response(text, mimetype=mimetype)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response
