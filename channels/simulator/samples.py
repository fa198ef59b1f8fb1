"""A picture and a voice for phones that have neither camera nor microphone: real files, small, made here."""

from __future__ import annotations

import struct
import zlib

_SILENCE = b"\x7c"
"""An AMR-NB frame that carries nothing (frame type 15, good quality): 20 ms. 3GPP TS 26.101."""


def voice(seconds: int = 3) -> bytes:
    """An AMR file of `seconds` of silence, as WeChat's voices are."""
    return b"#!AMR\n" + _SILENCE * (seconds * 50)


def picture(size: int = 96) -> bytes:
    """A PNG: a square with a lighter disc."""
    middle, radius = size / 2, size / 3
    rows = bytearray()
    for y in range(size):
        rows.append(0)  # no filter
        for x in range(size):
            inside = (x - middle) ** 2 + (y - middle) ** 2 < radius**2
            rows += b"\xf2\xd7\xc4" if inside else b"\x2d\x6a\x8a"
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, chunks))


def _chunk(one: tuple[bytes, bytes]) -> bytes:
    name, data = one
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
