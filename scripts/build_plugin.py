#!/usr/bin/env python3
"""Build the plugin's zip files into ``dist/``: the one that Relay's dashboard offers, and one for the plugin directory.

python scripts/build_plugin.py
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from relay.services.sources.plugin import make_zip  # noqa: E402


def main() -> None:
    folder = ROOT / "dist"
    folder.mkdir(exist_ok=True)
    for name, for_directory in (
        ("relay-connector.zip", False),
        ("relay-connector-for-directory.zip", True),
    ):
        content = make_zip(for_directory)
        (folder / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        print(f"dist/{name}  {len(content) // 1024} KiB  sha256 {digest}")


if __name__ == "__main__":
    main()
