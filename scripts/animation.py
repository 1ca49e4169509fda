"""One animated PNG from several PNG pictures of the same size.

Source: https://www.w3.org/TR/png-3/#apng-frame-based-animation
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunks_of(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The name and the content of each part of a PNG."""
    at = len(SIGNATURE)
    while at < len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        yield picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        at += length + 12


def chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def animated(pictures: Sequence[bytes], seconds: Sequence[float]) -> bytes:
    """An animation that shows each picture for its seconds, again and again."""
    header = next(content for name, content in chunks_of(pictures[0]) if name == b"IHDR")
    size, number = header[:8], 0
    parts = [
        SIGNATURE,
        chunk(b"IHDR", header),
        chunk(b"acTL", struct.pack(">II", len(pictures), 0)),
    ]
    for picture, shown_s in zip(pictures, seconds, strict=True):
        own = next(content for name, content in chunks_of(picture) if name == b"IHDR")
        if own != header:
            raise ValueError("The pictures differ in size or colours.")
        control = (
            struct.pack(">I", number)
            + size
            + struct.pack(">IIHHBB", 0, 0, round(shown_s * 100), 100, 0, 0)
        )
        parts.append(chunk(b"fcTL", control))
        number += 1
        data = b"".join(content for name, content in chunks_of(picture) if name == b"IDAT")
        if picture is pictures[0]:
            parts.append(chunk(b"IDAT", data))
        else:
            parts.append(chunk(b"fdAT", struct.pack(">I", number) + data))
            number += 1
    return b"".join([*parts, chunk(b"IEND", b"")])
