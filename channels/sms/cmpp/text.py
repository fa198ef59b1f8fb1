"""Texts in Msg_Content: UCS-2 in parts with a user data header, and whatever alphabet a handset answers in."""

from __future__ import annotations

from dataclasses import dataclass

from channels.sms.cmpp.codec import Malformed

UCS2, ASCII, GBK, BINARY = 8, 0, 15, 4
SINGLE, PART = 140, 134
"""Bytes of text in a message, and in a part behind its six bytes of header: 70 and 67 UCS-2 characters."""


@dataclass(frozen=True, slots=True)
class Part:
    """`reference` is the same in all parts of a message, `number` counts from 1 to `total`."""

    reference: int
    total: int
    number: int


def split(text: str, reference: int) -> list[bytes]:
    """`text` in UCS-2 (big-endian), one content a part; several begin with the header 05 00 03 ref total number.

    Characters outside the BMP are pairs and are never torn apart.
    """
    whole = text.encode("utf-16-be", "replace")
    if len(whole) <= SINGLE:
        return [whole]
    pieces: list[bytes] = []
    at = 0
    while at < len(whole):
        end = min(at + PART, len(whole))
        if end < len(whole) and 0xD8 <= whole[end - 2] <= 0xDB:
            end -= 2
        pieces.append(whole[at:end])
        at = end
    if len(pieces) > 255:
        raise Malformed("text is too long for 255 parts")
    header = bytes((5, 0, 3, reference & 0xFF, len(pieces)))
    return [header + bytes([number]) + piece for number, piece in enumerate(pieces, 1)]


def take_header(content: bytes) -> tuple[Part | None, bytes]:
    """A content with TP_udhi: its place in a long message (`None`: other headers only) and the text behind the header."""
    if not content or content[0] >= len(content):
        raise Malformed("user data header is cut short")
    header, text = content[1 : content[0] + 1], content[content[0] + 1 :]
    part: Part | None = None
    at = 0
    while at < len(header):
        if at + 2 > len(header) or at + 2 + header[at + 1] > len(header):
            raise Malformed("user data header is cut short")
        kind, value = header[at], header[at + 2 : at + 2 + header[at + 1]]
        at += 2 + len(value)
        if (kind, len(value)) in ((0x00, 3), (0x08, 4)):
            part = Part(int.from_bytes(value[:-2], "big"), value[-2], value[-1])
    if part is not None and not 1 <= part.number <= part.total:
        raise Malformed("part number is out of range")
    return part, text


def decode(content: bytes, msg_fmt: int) -> str:
    """What the handset wrote. GBK is read as its superset GB 18030."""
    try:
        if msg_fmt == UCS2:
            return content.decode("utf-16-be")
        if msg_fmt == GBK:
            return content.decode("gb18030")
        if msg_fmt == ASCII:
            return content.decode("ascii")
    except UnicodeDecodeError:
        raise Malformed("text does not fit its Msg_Fmt") from None
    raise Malformed("Msg_Fmt is no text")
