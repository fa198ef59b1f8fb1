"""What a medium really is, by its first bytes: the vendor's word for it is not proof."""

from __future__ import annotations

from dataclasses import dataclass

import filetype  # type: ignore[import-untyped]

_FAMILIES = {
    "image": ("image/",),
    "voice": ("audio/",),
    "video": ("video/",),
    "shortvideo": ("video/",),
}
"""MsgType → how its content type must begin. Source: channels.md 1.1, list of message types."""
_AMR_WB = b"#!AMR-WB\n"
"""RFC 4867, section 5: the head of a wide-band AMR file, which the `filetype` package does not know."""
_SPEEX = b"OggS"
"""Speex comes in an Ogg container."""


@dataclass(frozen=True, slots=True)
class NotThat:
    """The content is not what the message said; `found` is what it is, as far as can be told."""

    found: str


def sniff(kind: str, content: bytes) -> str | NotThat:
    """The content type of `content`, sent as `kind`; `NotThat` when the two do not fit."""
    found = _type_of(content)
    return found if found.startswith(_FAMILIES.get(kind, ("\0",))) else NotThat(found)


def _type_of(content: bytes) -> str:
    if content.startswith(_AMR_WB):
        return "audio/amr-wb"
    if content.startswith(_SPEEX):
        return "audio/ogg"
    kind = filetype.guess(content)
    return "unknown" if kind is None else str(kind.mime)
