"""Pictures made safe: what is kept was drawn anew from the pixels, so that nothing else of the upload survives.

Metadata (EXIF with its places, comments, profiles), appended files and scripts are gone; large pictures are made smaller.
Work of tens of milliseconds: call it off the event loop.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import filetype  # type: ignore[import-untyped]
from PIL import Image, ImageOps, UnidentifiedImageError

KINDS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/gif": "GIF"}
MOST_BYTES = 10 * 1024 * 1024
"""Of an upload: WeChat's own limit for a picture."""
MOST_PIXELS = 40_000_000
WIDEST = 1600
"""Pixels a side of what is kept: sharp on a phone, light on its line."""
WECHAT_IMAGE_BYTES = 1024 * 1024
"""Below it, JPG or PNG: https://developers.weixin.qq.com/doc/service/api/material/permanent/api_uploadimage"""
WECHAT_THUMB_BYTES = 64 * 1024
"""JPG: https://developers.weixin.qq.com/doc/service/api/material/permanent/api_addmaterial"""


class NotAPicture(ValueError):
    """It is no picture we take; `code` is file_kind, file_large or file_pixels, `values` its numbers."""

    def __init__(self, code: str, **values: int) -> None:
        super().__init__(code)
        self.code = code
        self.values = values


@dataclass(frozen=True, slots=True)
class Clean:
    """A picture as it is kept: JPEG for photographs, PNG where something shows through."""

    content: bytes
    content_type: str
    width: int
    height: int


def clean(raw: bytes) -> Clean:
    """Draw an upload anew. Raises `NotAPicture`."""
    if len(raw) > MOST_BYTES:
        raise NotAPicture("file_large", limit=MOST_BYTES // 1024 // 1024)
    kind = filetype.guess(raw)
    if kind is None or kind.mime not in KINDS:
        raise NotAPicture("file_kind")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(raw), formats=[KINDS[kind.mime]]) as opened:
                if opened.width * opened.height > MOST_PIXELS:
                    raise NotAPicture(
                        "file_pixels", width=opened.width, height=opened.height, limit=MOST_PIXELS // 10_000
                    )
                picture = ImageOps.exif_transpose(opened)
                picture.thumbnail((WIDEST, WIDEST))
                through = "A" in picture.getbands() or "transparency" in picture.info
                picture = picture.convert("RGBA" if through else "RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, NotAPicture):
            raise
        raise NotAPicture("file_kind") from error
    except Image.DecompressionBombWarning as error:
        raise NotAPicture("file_pixels", width=0, height=0, limit=MOST_PIXELS // 10_000) from error
    bare = Image.new(picture.mode, picture.size)
    bare.paste(picture)
    content = _written(bare, "PNG") if through else _written(bare, "JPEG", 85)
    return Clean(content, "image/png" if through else "image/jpeg", bare.width, bare.height)


def shrunk(content: bytes, most: int, *, jpeg: bool = False) -> tuple[bytes, str]:
    """A kept picture in fewer than `most` bytes, and its type; `jpeg`: as JPEG, on white, whatever it was."""
    kind = "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"
    if len(content) < most and not (jpeg and kind == "image/png"):
        return content, kind
    with Image.open(io.BytesIO(content)) as opened:
        picture = opened.convert("RGBA")
    flat = Image.new("RGB", picture.size, "white")
    flat.paste(picture, mask=picture.getchannel("A"))
    side, quality = max(flat.size), 85
    while len(done := _written(flat, "JPEG", quality)) >= most and side > 64:
        side, quality = side * 4 // 5, max(quality - 5, 60)
        flat.thumbnail((side, side))
    return done, "image/jpeg"


def _written(picture: Image.Image, form: str, quality: int = 85) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, quality=quality, optimize=True)
    return out.getvalue()
