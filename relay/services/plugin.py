"""The plugin as the zip that a site's admin uploads."""

from __future__ import annotations

import io
import zipfile
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "wp-plugin" / "relay-connector"
SAME_TIME = (2026, 1, 1, 0, 0, 0)  # the same files give the same bytes
LEFT_OUT = ("tests", "node_modules")


@lru_cache(maxsize=1)
def make_zip() -> bytes:
    """``relay-connector.zip``: all files of the plugin, below one folder, byte for byte reproducible."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(FOLDER.rglob("*")):
            inside = path.relative_to(FOLDER)
            if not path.is_file() or inside.parts[0] in LEFT_OUT or inside.name.startswith("."):
                continue
            entry = zipfile.ZipInfo(f"{FOLDER.name}/{inside.as_posix()}", SAME_TIME)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()
