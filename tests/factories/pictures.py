"""Pictures as people upload them, with more in them than the pixels."""

from __future__ import annotations

import io

from PIL import Image

PLACE = "GPS 30.1N 120.2E"


def picture(
    form: str = "JPEG", size: tuple[int, int] = (320, 200), *, mode: str = "RGB", noise: bool = False
) -> bytes:
    """One picture; a JPEG says where it was taken, everything has something behind its end."""
    made = Image.effect_noise(size, 90).convert(mode) if noise else Image.new(mode, size, "teal")
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = PLACE
    exif[0x0112] = 6  # lying on its side
    made.save(out, form, **({"exif": exif} if form in ("JPEG", "PNG", "WEBP") else {}))
    return out.getvalue() + b"<script>alert(1)</script>"
