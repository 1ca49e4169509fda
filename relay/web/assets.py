"""The browser assets: which files, in which order, in bundles with a content hash in their name.

``make assets`` builds the bundles into ``static/gen/`` from the packages of ``package.json`` and
Relay's own sources.  Templates use ``{% assets "app_css" %}…{{ ASSET_URL }}…{% endassets %}``.  The
manifest lists the names, so that no process has to read the sources.

- ``app_css``: Tabler, its icons, uPlot, ``css/relay.css``
- ``app_js``: htmx, Tabler, uPlot, ``js/relay.js``, ``js/mapping.js``, ``js/passkeys.js``; load it with ``defer``
- ``theme_js``: ``js/theme.js``, light or dark before the first paint; load it in the head
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import IO, Any

from flask_assets import Bundle, Environment

STATIC = Path(__file__).parents[1] / "static"
PACKAGES = Path(__file__).parents[2] / "node_modules"
MANIFEST = STATIC / "gen" / "manifest.json"
SOURCE_MAP = re.compile(r"(/\*|//)[#@] sourceMappingURL=[^\n*]*(\*/)?")

STYLES = (
    PACKAGES / "@tabler/core/dist/css/tabler.min.css",
    PACKAGES / "@tabler/icons-webfont/dist/tabler-icons.min.css",
    PACKAGES / "uplot/dist/uPlot.min.css",
    STATIC / "css/relay.css",
)
SCRIPTS = (
    PACKAGES / "htmx.org/dist/htmx.min.js",
    PACKAGES / "@tabler/core/dist/js/tabler.min.js",
    PACKAGES / "uplot/dist/uPlot.iife.min.js",
    STATIC / "js/relay.js",
    STATIC / "js/mapping.js",
    STATIC / "js/passkeys.js",
)
THEME = (STATIC / "js/theme.js",)
# the stylesheet loads them from its own directory
FONTS = (PACKAGES / "@tabler/icons-webfont/dist/fonts/tabler-icons.woff2",)


def end_file(_in: IO[str], out: IO[str], **_kw: Any) -> None:
    """Remove a file's link to its source map, which the bundle does not include."""
    out.write(SOURCE_MAP.sub("", _in.read()))


def end_script(_in: IO[str], out: IO[str], **_kw: Any) -> None:
    """End a script with ``;``, so that the next one cannot be parsed as a call of it."""
    end_file(_in, out)
    out.write("\n;\n")


def register_bundles(environment: Environment) -> None:
    """Register the bundles for the current application.  Nothing is read or built."""
    environment.manifest = f"json:{MANIFEST}"
    environment.versions = "hash"
    environment.url_expire = False
    environment.cache = False
    for name, sources, output, last in (
        ("app_css", STYLES, "gen/app.%(version)s.css", end_file),
        ("app_js", SCRIPTS, "gen/app.%(version)s.js", end_script),
        ("theme_js", THEME, "gen/theme.%(version)s.js", end_script),
    ):
        if name in environment:  # all applications of a process share one environment
            continue
        parts = [Bundle(str(source), filters=[last]) for source in sources]
        environment.register(name, *parts, output=output)
