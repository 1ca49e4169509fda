"""The plugin's zip: its content, and the same bytes each time."""

from __future__ import annotations

import difflib
import io
import subprocess
import zipfile
from pathlib import Path

from relay.services.sources import plugin


def files(for_directory: bool = False) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(plugin.make_zip(for_directory))) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_same_files_give_the_same_bytes() -> None:
    first = plugin.make_zip()
    plugin.make_zip.cache_clear()
    assert plugin.make_zip() == first


def test_it_contains_only_the_plugin_with_compiled_translations() -> None:
    found = files()
    assert all(name.startswith("relay-connector/") for name in found)
    assert found["relay-connector/relay-connector.php"].startswith(b"<?php")
    assert found["relay-connector/languages/relay-connector-de_DE.mo"][:4] == b"\xde\x12\x04\x95"
    assert not [
        name for name in found if "/." in name or "node_modules" in name or "/tests/" in name
    ]


def test_the_directory_zip_leaves_out_only_what_the_directory_refuses(
    tmp_path: Path,
) -> None:
    ours, theirs = files(), files(True)
    main = "relay-connector/relay-connector.php"
    loader = "relay-connector/includes/class-plugin.php"
    assert b"Update URI:" in ours[main] and b"Update URI:" not in theirs[main]
    assert ours[main].splitlines() == [
        *theirs[main].splitlines()[:10], b" * Update URI:        false", *theirs[main].splitlines()[10:]
    ]  # fmt: skip
    gone = [line for line in ndiff(ours[loader], theirs[loader]) if line[0] in "+-"]
    assert all(line.startswith("- ") for line in gone) and len(gone) == 8, gone
    assert b"load_plugin_textdomain" in ours[loader]
    assert not any(b"textdomain" in content for content in theirs.values())
    (tmp_path / "loader.php").write_bytes(theirs[loader])
    subprocess.run(["php", "-l", str(tmp_path / "loader.php")], check=True, capture_output=True)
    assert {name: content for name, content in ours.items() if name not in (main, loader)} == {
        name: content for name, content in theirs.items() if name not in (main, loader)
    }


def ndiff(old: bytes, new: bytes) -> list[str]:
    return list(difflib.ndiff(old.decode().splitlines(), new.decode().splitlines()))
