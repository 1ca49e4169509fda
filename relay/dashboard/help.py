"""The docs inside the pages: one section of ``docs/*.md``, as a dialog or as a page of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, abort, url_for
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from relay.dashboard import guard, htmx
from relay.i18n import N_

blueprint = Blueprint("help", __name__, url_prefix="/help")
DOCS = Path(__file__).parents[2] / "docs"
NAMES = (N_("install"), N_("operate"), N_("traffic"), N_("users"))  # in "Help: operate"
PAGES = frozenset(path.stem for path in DOCS.glob("*.md"))
# HTML in a document would be shown as text; links may be http, https and mailto only
READER = MarkdownIt("commonmark", {"html": False}).enable("table")


def slug_of(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it: ``What a `doctor` finds`` is ``what-a-doctor-finds``."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _heading(tokens: Sequence[Token], at: int) -> str:
    children = tokens[at + 1].children or []
    return "".join(one.content for one in children if one.type in ("text", "code_inline"))


@lru_cache(maxsize=200)
def section(page: str, anchor: str = "") -> tuple[str, Markup] | None:
    """-> the title and the HTML of a section with those below it, or of the whole page; None if there is none"""
    if page not in PAGES:
        return None
    tokens = READER.parse((DOCS / f"{page}.md").read_text(encoding="utf-8"))
    headings = [at for at, token in enumerate(tokens) if token.type == "heading_open"]
    begin = next(
        (at for at in headings if slug_of(_heading(tokens, at)) == anchor or not anchor), None
    )
    if begin is None:
        return None
    level = tokens[begin].tag if anchor else ""
    end = next(
        (at for at in headings if at > begin and anchor and tokens[at].tag <= level), len(tokens)
    )
    inside = tokens[begin + 3 : end]
    for token in inside:
        if token.type == "table_open":
            token.attrSet("class", "table table-sm")
        _set_links(token.children or [], page)
    title = _heading(tokens, begin)
    return title, Markup(READER.renderer.render(inside, READER.options, {}))  # noqa: S704 - our own docs


def _set_links(tokens: list[Token], page: str) -> None:
    """A link to another document leads to its help page; one to a file of the source is plain text."""
    opened: list[Token] = []
    for token in tokens:
        if token.type == "link_open":
            opened.append(token)
            href = _target(str(token.attrGet("href") or ""), page)
            token.attrSet("href", href)
            token.hidden = not href
        elif token.type == "link_close" and opened:
            token.hidden = opened.pop().hidden


def _target(href: str, page: str) -> str:
    parts = urlsplit(href)
    if parts.scheme or parts.netloc:
        return href
    name = parts.path.removesuffix(".md") or page
    return url_for("help.show", page=name, anchor=parts.fragment or None) if name in PAGES else ""


@blueprint.get("/<page>")
@blueprint.get("/<page>/<anchor>")
@guard.requires("viewer", limited=True, before_factor=True)
def show(page: str, anchor: str = "") -> Any:
    """One section, or a whole document."""
    found = section(page, anchor) or abort(404)
    title, text = found
    return htmx.respond(
        "help/page.html", "help/_section.html", title=title, text=text, page=page, anchor=anchor
    )
