"""The links of a list in pages: newest, newer, older.

A page begins after a row, ``?after=``.  ``?trail=`` has where the pages before it began, so that "Newer" leads
back through them.
"""

from __future__ import annotations

from flask import Flask, request
from werkzeug.urls import iri_to_uri

MAX_TRAIL = 50


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _trail() -> list[str]:
    return [one for one in request.args.get("trail", "")[:1000].split(".") if _number(one)][
        -MAX_TRAIL:
    ]


def _with(url: str, after: str, trail: list[str]) -> str:
    parts = [f"after={after}"] if after != "0" else []
    parts += [f"trail={'.'.join(trail)}"] if trail else []
    joined = "&".join(parts)
    return iri_to_uri(url + (("&" if "?" in url else "?") + joined if joined else ""))


def older_url(url: str, next_after: int) -> str:
    """``url`` is the list's without a page."""
    here = request.args.get("after", "")
    trail = [*_trail(), here if _number(here) else "0"]
    return _with(url, str(next_after), trail[-MAX_TRAIL:])


def newer_url(url: str) -> str:
    """The page before this one; empty on the first page, and if nothing says where it began."""
    trail = _trail()
    return _with(url, trail[-1], trail[:-1]) if request.args.get("after") and trail else ""


def init_app(app: Flask) -> None:
    app.add_template_global(older_url)
    app.add_template_global(newer_url)
