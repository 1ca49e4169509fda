"""The plugin's zip: what is in it, and the same bytes each time."""

from __future__ import annotations

import io
import zipfile

from relay.services import plugin


def files(for_directory: bool = False) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(plugin.make_zip(for_directory))) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_same_files_give_the_same_bytes() -> None:
    first = plugin.make_zip()
    plugin.make_zip.cache_clear()
    assert plugin.make_zip() == first


def test_it_holds_the_plugin_with_compiled_translations_and_nothing_else() -> None:
    found = files()
    assert all(name.startswith("relay-connector/") for name in found)
    assert found["relay-connector/relay-connector.php"].startswith(b"<?php")
    assert found["relay-connector/languages/relay-connector-de_DE.mo"][:4] == b"\xde\x12\x04\x95"
    assert not [
        name for name in found if "/." in name or "node_modules" in name or "/tests/" in name
    ]


def test_the_directorys_zip_differs_in_one_line_only() -> None:
    ours, theirs = files(), files(True)
    main = "relay-connector/relay-connector.php"
    assert b"Update URI:" in ours[main] and b"Update URI:" not in theirs[main]
    assert ours[main].splitlines() == [
        *theirs[main].splitlines()[:10], b" * Update URI:        false", *theirs[main].splitlines()[10:]
    ]  # fmt: skip
    assert {name: content for name, content in ours.items() if name != main} == {
        name: content for name, content in theirs.items() if name != main
    }
