"""The browser assets: nothing that a page uses is missing from them, and they are small."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import brotli
import pytest
from flask import Flask

from relay.web.assets import ICONS, MANIFEST, STATIC, TABLER
from tests.dashboard.conftest import Visitor
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import make, put

RELAY = STATIC.parent
CLASS = re.compile(r"\.(-?[A-Za-z_][A-Za-z0-9_-]*)")
FIRST_PAGE = 250_000  # bytes over the network, with everything it loads
REFRESH = 10_000
TYPE = (".75", ".8125", ".875", "1", "1.125", "1.25", "1.5", "2")
SPACING = (".125", ".25", ".5", ".75", "1", "1.25", "1.5", "2", "3")
KEPT = {"margin-left: 8rem"}  # as wide as the number beside it


def built(name: str) -> Path:
    """A built file, by the manifest's name of it."""
    version = json.loads(MANIFEST.read_text())[f"gen/{name}"]
    return STATIC / "gen" / name.replace("%(version)s", version)


@pytest.fixture(scope="module")
def css() -> str:
    return built("app.%(version)s.css").read_text("utf-8")


def words_of_pages() -> set[str]:
    """The words of all ``class`` attributes in the templates, with those of expressions inside."""
    words: set[str] = set()
    for path in (RELAY / "templates").rglob("*.html"):
        for value in re.findall(r'class="((?:[^"{]|\{\{.*?\}\}|\{%.*?%\})*)"', path.read_text()):
            words |= set(re.findall(r"[A-Za-z0-9_-]+", value))
    return words


def test_the_stylesheet_has_every_rule_of_tabler_that_a_template_uses(css: str) -> None:
    used = words_of_pages() & set(CLASS.findall(TABLER.read_text("utf-8")))
    assert len(used) > 100
    assert used - set(CLASS.findall(css)) == set()


def test_the_stylesheet_and_its_font_have_every_icon_that_a_template_names(css: str) -> None:
    named = {
        name
        for path in (RELAY / "templates").rglob("*.html")
        for name in re.findall(r'\bicon\("([a-z0-9-]+)"', path.read_text())
    }
    assert len(named) > 30
    known = set(re.findall(r"\.ti-([a-z0-9-]+):before", ICONS.read_text("utf-8")))
    assert named <= known
    assert named <= set(re.findall(r"\.ti-([a-z0-9-]+):before", css))
    (font,) = re.findall(r'url\("\./(fonts/icons\.[0-9a-f]{8}\.woff2)"\)', css)
    assert (STATIC / "gen" / font).is_file()


def test_sizes_and_spacing_of_our_own_rules_are_of_one_scale() -> None:
    own = (STATIC / "css" / "relay.css").read_text()
    rules = re.findall(
        r"[{;] *((?:font-size|margin|padding|(?:row-|column-)?gap)[a-z-]*): *([^;}]*)", own
    )
    assert len(rules) > 100
    wrong = {
        f"{name}: {value}"
        for name, value in rules
        for size, unit in re.findall(r"(?<![\w.])-?(\d*\.?\d+)(rem|em|px)", value)
        if unit != "rem" or size not in (TYPE if name == "font-size" else SPACING)
    }
    assert wrong - KEPT == set()


def test_a_first_page_and_all_it_loads_are_small(app: Flask) -> None:
    page = Visitor(app, "admin").get("/", headers={"Accept-Encoding": "gzip, br"})
    assert page.headers["Content-Encoding"] == "br"
    assert "Accept-Encoding" in page.headers["Vary"]
    files = set(
        re.findall(r'(?:src|href)="(/static/[^"]+)"', brotli.decompress(page.data).decode())
    )
    sheet = next(file for file in files if file.endswith(".css"))
    fonts = re.findall(
        r"url\(\"\./(fonts/[^\"]+)\"\)", (STATIC / sheet.removeprefix("/static/")).read_text()
    )
    files |= {f"/static/gen/{font}" for font in fonts}
    sizes = {}
    for file in files:
        response = app.test_client().get(
            file, headers={"Accept-Encoding": "br, gzip"}, buffered=True
        )
        assert response.status_code == 200
        sizes[file] = len(response.data)
    assert len(sizes) > 3
    assert len(page.data) + sum(sizes.values()) < FIRST_PAGE


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("br", "br"),
        ("gzip", "gzip"),
        ("gzip, br", "br"),
        ("br;q=0, gzip", "gzip"),
        ("gzip;q=0.5, br;q=0", "gzip"),
        ("gzip;q=0, br;q=0", None),
        ("identity", None),
        ("", None),
    ],
)
def test_a_bundle_is_sent_as_it_was_compressed(
    app: Flask, accepted: str, encoding: str | None
) -> None:
    path = built("app.%(version)s.css")
    response = app.test_client().get(
        f"/static/gen/{path.name}", headers={"Accept-Encoding": accepted}, buffered=True
    )
    assert response.headers.get("Content-Encoding") == encoding
    assert response.headers["Vary"] == "Accept-Encoding"
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in response.headers
    unpack = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[encoding]
    assert unpack(response.data) == path.read_bytes()


def test_an_unknown_file_is_404(app: Flask) -> None:
    assert app.test_client().get("/static/gen/../../config.py").status_code == 404
    assert app.test_client().get("/static/gen/none.css").status_code == 404


def test_a_refresh_of_a_full_list_is_small(app: Flask, sink: Sink) -> None:
    world = make(app, sink)
    for _ in range(60):
        put(app, world.slug, comment())
    response = Visitor(app, "admin").get(
        "/events", headers={"Accept-Encoding": "br", "HX-Request": "true"}
    )
    assert response.headers["Content-Encoding"] == "br"
    assert len(response.data) < REFRESH
