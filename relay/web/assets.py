"""The browser assets: which files, in which order, in bundles with a content hash in their name.

``make assets`` builds the bundles into ``static/gen/`` from the packages of ``package.json`` and
Relay's own sources.  Templates use ``{% assets "app_css" %}…{{ ASSET_URL }}…{% endassets %}``.  The
manifest lists the names, so that no process has to read the sources.

- ``app_css``: the rules of Tabler, its icons and uPlot that Relay uses, and ``css/relay.css``
- ``app_js``: htmx, idiomorph, Tabler, uPlot and the scripts of ``js/``; load it with ``defer``
- ``theme_js``: ``js/theme.js``, light or dark before the first paint; load it in the head
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from flask import Flask
from flask_assets import Bundle, Environment
from flask_compress import Compress
from werkzeug.http import parse_accept_header
from whitenoise import WhiteNoise

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

STATIC = Path(__file__).parents[1] / "static"
PACKAGES = Path(__file__).parents[2] / "node_modules"
MANIFEST = STATIC / "gen" / "manifest.json"
SOURCE_MAP = re.compile(r"(/\*|//)[#@] sourceMappingURL=[^\n*]*(\*/)?")

TABLER = PACKAGES / "@tabler/core/dist/css/tabler.min.css"
ICONS = PACKAGES / "@tabler/icons-webfont/dist/tabler-icons.min.css"
ICON_FONT = PACKAGES / "@tabler/icons-webfont/dist/fonts/tabler-icons.woff2"
STYLES = (TABLER, ICONS, PACKAGES / "uplot/dist/uPlot.min.css", STATIC / "css/relay.css")
SCRIPTS = (
    PACKAGES / "htmx.org/dist/htmx.min.js",
    PACKAGES / "idiomorph/dist/idiomorph-ext.min.js",
    PACKAGES / "@tabler/core/dist/js/tabler.min.js",
    PACKAGES / "uplot/dist/uPlot.iife.min.js",
    STATIC / "js/texts.js",
    STATIC / "js/relay.js",
    STATIC / "js/charts.js",
    STATIC / "js/live.js",
    STATIC / "js/sessions.js",
    STATIC / "js/palette.js",
    STATIC / "js/json.js",
    STATIC / "js/mapping.js",
    STATIC / "js/passkeys.js",
)
THEME = (STATIC / "js/theme.js",)
Filter = Callable[..., None]  # of a bundle: reads a file, writes what it becomes
# Requests from other sites have no session (SameSite=Lax), so nobody else can have a page with a person's
# data compressed and measure its length.
COMPRESSION = {
    "COMPRESS_ALGORITHM": ["br", "gzip"],
    "COMPRESS_MIMETYPES": ["text/html", "application/json", "image/svg+xml"],
    "COMPRESS_REGISTER": True,
}


def end_file(_in: IO[str], out: IO[str], **_kw: Any) -> None:
    """Remove a file's link to its source map, which the bundle does not include."""
    out.write(SOURCE_MAP.sub("", _in.read()))


def end_script(_in: IO[str], out: IO[str], **_kw: Any) -> None:
    """End a script with ``;``, so that the next one cannot be parsed as a call of it."""
    end_file(_in, out)
    out.write("\n;\n")


class RefusedEncodings:
    """Leaves out of ``Accept-Encoding`` what the client refuses with ``q=0``.

    WhiteNoise and Flask-Compress look for a name in the header only.
    """

    def __init__(self, application: WSGIApplication):
        self.application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        accepted = environ.get("HTTP_ACCEPT_ENCODING", "")
        if ";" in accepted:
            kept = parse_accept_header(accepted)
            environ["HTTP_ACCEPT_ENCODING"] = ", ".join(name for name, q in kept if q > 0)
        return self.application(environ, start_response)


def init_app(app: Flask) -> None:
    """Serve the files as they were compressed when they were built, and compress pages."""
    app.config.from_mapping(COMPRESSION)
    Compress(app)
    prefix = app.static_url_path or "/static"
    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]
        app.wsgi_app,
        root=str(STATIC),
        prefix=prefix,
        immutable_file_test=rf"^{re.escape(prefix)}/gen/",
        allow_all_origins=False,
    )
    app.wsgi_app = RefusedEncodings(app.wsgi_app)  # type: ignore[method-assign]


def register_bundles(environment: Environment, reduce: Mapping[Path, Filter] | None = None) -> None:
    """Register the bundles for the current application.  Nothing is read or built.

    ``reduce`` has the filters that remove what is not used from a source, for the build.
    """
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
        filters = reduce or {}
        parts = [
            Bundle(str(source), filters=[*filter(None, [filters.get(source)]), last])
            for source in sources
        ]
        environment.register(name, *parts, output=output)
