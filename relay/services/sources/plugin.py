"""The plugin as the zip file that a site's admin uploads."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import polib

FOLDER = Path(__file__).resolve().parents[3] / "wp-plugin" / "relay-connector"
MAIN = f"{FOLDER.name}.php"
SAME_TIME = (2026, 1, 1, 0, 0, 0)  # the same files give the same bytes
LEFT_OUT = ("tests", "node_modules")
UPDATE_URI = re.compile(rb"^ \* Update URI:.*\n", re.MULTILINE)
LOADER = "includes/class-plugin.php"
TRANSLATIONS = re.compile(
    rb"^\t\tadd_action\( 'init', array\( \$this, 'load_translations' \) \);\n"
    rb"|\n\t/\*\*\n(?:\t \*.*\n)+\tpublic function load_translations\(\) \{\n(?:\t\t.*\n)+\t\}\n",
    re.MULTILINE,
)


@lru_cache(maxsize=2)
def make_zip(for_directory: bool = False) -> bytes:
    """``relay-connector.zip``: all files of the plugin in one folder, reproducible byte for byte.

    Translations are compiled first.  ``for_directory`` leaves out what the WordPress directory
    refuses: the header that keeps a plugin of the same name there from being offered as an update,
    and the loading of translations, which the directory provides itself.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(_files(for_directory)):
            entry = zipfile.ZipInfo(f"{FOLDER.name}/{name}", SAME_TIME)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            entry.create_system = 3  # the same on every machine
            archive.writestr(entry, content)
    return buffer.getvalue()


def _files(for_directory: bool) -> Iterator[tuple[str, bytes]]:
    """-> (name below the folder, content)"""
    for path in FOLDER.rglob("*"):
        inside = path.relative_to(FOLDER)
        if not path.is_file() or inside.parts[0] in LEFT_OUT or inside.name.startswith("."):
            continue
        content = path.read_bytes()
        if for_directory and inside.as_posix() == MAIN:
            content = UPDATE_URI.sub(b"", content)
        if for_directory and inside.as_posix() == LOADER:
            content = TRANSLATIONS.sub(b"", content)
        yield inside.as_posix(), content
        if path.suffix == ".po":
            yield inside.with_suffix(".mo").as_posix(), polib.pofile(str(path)).to_binary()
