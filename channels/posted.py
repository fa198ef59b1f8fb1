"""What our own pages post: read by hand where a form's fields are not known beforehand, or a page of ours must not need a cookie."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs

from fastapi import Request

from channels.body import read_limited
from web.security import same_origin

BODY_WAIT = 10.0


class Refused(Exception):
    """Nothing was done; `status` as in HTTP."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


async def body_of(request: Request, most: int) -> bytes:
    """Up to `most` bytes from one of our own pages. Raises `Refused`."""
    if not same_origin(request):
        raise Refused(403)
    try:
        async with asyncio.timeout(BODY_WAIT):
            body = await read_limited(request, most)
    except TimeoutError:
        raise Refused(408) from None
    if body is None:
        raise Refused(413)
    return body


def json_of(raw: bytes) -> Any:
    """Raises `Refused`."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise Refused(400) from None


def fields_of(raw: bytes, most: int = 10) -> dict[str, list[str]]:
    """A form's fields, at most so many. Raises `Refused`."""
    try:
        fields = parse_qs(raw.decode("utf-8", "replace"), max_num_fields=most, keep_blank_values=True)
    except ValueError:
        raise Refused(400) from None
    return {name: [one.replace("\0", "") for one in values] for name, values in fields.items()}
