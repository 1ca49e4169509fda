"""The animated PNG for the README."""

from __future__ import annotations

import struct
import zlib

import pytest

from scripts.animation import SIGNATURE, animated, chunk, chunks_of


def picture(grey: int, width: int = 2) -> bytes:
    """A PNG of one colour, two pixels high."""
    header = struct.pack(">IIBBBBB", width, 2, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes([grey]) * width) * 2)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_an_animation_has_every_picture_for_its_time() -> None:
    parts = list(chunks_of(animated([picture(0), picture(9), picture(99)], [1, 0.5, 2])))
    names = [name for name, _ in parts]
    assert names == [b"IHDR", b"acTL", b"fcTL", b"IDAT", *[b"fcTL", b"fdAT"] * 2, b"IEND"]
    assert parts[1][1] == struct.pack(">II", 3, 0)
    delays = [struct.unpack_from(">HH", content, 20) for name, content in parts if name == b"fcTL"]
    assert delays == [(100, 100), (50, 100), (200, 100)]
    numbers = [
        struct.unpack_from(">I", content)[0]
        for name, content in parts
        if name in (b"fcTL", b"fdAT")
    ]
    assert numbers == [0, 1, 2, 3, 4], "in the order that the format asks for"
    assert zlib.decompress(parts[5][1][4:])[1:3] == bytes([9, 9])


def test_pictures_of_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="size"):
        animated([picture(0), picture(0, width=3)], [1, 1])
