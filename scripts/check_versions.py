#!/usr/bin/env python3
"""Check that every file has the version of pyproject.toml, which is the only source.

    python scripts/check_versions.py [--write]

The server and the plugin have the same version.  Prints one line for each file that differs and exits with 1.
``--write`` changes these files instead.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLUGIN = "wp-plugin/relay-connector"
# Each pattern has two groups around the version: what precedes it and the version itself.
PLACES = {
    f"{PLUGIN}/relay-connector.php": (
        r"^( \* Version:\s+)(\S+)$",
        r"^(define\( 'RELAY_CONNECTOR_VERSION', ')([^']+)",
    ),
    f"{PLUGIN}/readme.txt": (r"^(Stable tag: )(\S+)$",),
    "deploy/compose.yaml": (r"^(  image: relay:\$\{RELAY_VERSION:-)([^}]+)",),
    "deploy/helm/relay/Chart.yaml": (r"^(version: )(\S+)$", r'^(appVersion: ")([^"]+)'),
}
# Files that may have a version.  Modules are searched, so that the check does not depend on where they are.
OPTIONAL = {
    "package.json": r'^(  "version": ")([^"]+)',
    "relay/**/*.py": r'^((?:__version__|VERSION) = ")([^"]+)',
}


def version(root: Path) -> str:
    """The version in pyproject.toml."""
    with (root / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def places(root: Path) -> Iterator[tuple[Path, re.Pattern[str], bool]]:
    """Each (file, pattern, whether the file must match it)."""
    for name, patterns in PLACES.items():
        for pattern in patterns:
            yield root / name, re.compile(pattern, re.MULTILINE), True
    for glob, pattern in OPTIONAL.items():
        for path in sorted(root.glob(glob)):
            yield path, re.compile(pattern, re.MULTILINE), False


def differences(root: Path, write: bool = False) -> Iterator[str]:
    """One line for each place with another version; with ``write``, each such place is changed first."""
    expected = version(root)
    for path, pattern, required in places(root):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(root)
        found = pattern.search(text)
        if found is None:
            if required:
                yield f"{name}: no version found; expected {expected}, the version in pyproject.toml"
        elif found[2] != expected:
            if write:
                changed = pattern.sub(lambda match: match[1] + expected, text)
                path.write_text(changed, encoding="utf-8")
            yield f"{name}: {found[2]} is not {expected}, the version in pyproject.toml"


def main(root: Path = ROOT, arguments: list[str] | None = None) -> int:
    if "--write" in (sys.argv[1:] if arguments is None else arguments):
        for line in differences(root, write=True):
            print(f"Changed: {line}")
    lines = list(differences(root))
    for line in lines:
        print(line)
    if lines:
        print("Set the version in pyproject.toml, then run: scripts/check_versions.py --write")
        return 1
    print(f"All versions are {version(root)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
