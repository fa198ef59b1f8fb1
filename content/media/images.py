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
                    raise NotAPicture("file_pixels", limit=MOST_PIXELS // 10_000)
                picture = ImageOps.exif_transpose(opened)
                picture.thumbnail((WIDEST, WIDEST))
                through = "A" in picture.getbands() or "transparency" in picture.info
                picture = picture.convert("RGBA" if through else "RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise NotAPicture("file_pixels", limit=MOST_PIXELS // 10_000) from error
    except NotAPicture:
        raise
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise NotAPicture("file_kind") from error
    bare = Image.new(picture.mode, picture.size)
    bare.paste(picture)
    content = _written(bare, "PNG") if through else _written(bare, "JPEG", 85)
    return Clean(content, "image/png" if through else "image/jpeg", bare.width, bare.height)


def shrunk(content: bytes, most: int) -> tuple[bytes, str]:
    """A kept picture in fewer than `most` bytes, and its type; when it has to shrink it becomes a JPEG, on white."""
    kind = "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"
    if len(content) < most:
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


def plain_cover() -> bytes:
    """A quiet JPEG of WeChat's cover shape (900 × 383), for an article without a picture."""
    return _written(Image.linear_gradient("L").resize((900, 383)).convert("RGB").point(_tint()), "JPEG", 80)


def _tint() -> list[int]:
    """From grey to the house's green: a table for each of red, green and blue."""
    dark, light = (15, 118, 110), (94, 200, 190)
    return [
        low + (high - low) * step // 255 for low, high in zip(dark, light, strict=True) for step in range(256)
    ]
