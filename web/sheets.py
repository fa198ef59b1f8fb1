"""Rows for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from starlette.responses import Response

MARK = "\ufeff".encode()
"""At the beginning of a file it tells Excel that it is UTF-8."""


def csv_line(cells: Iterable[object]) -> bytes:
    """A line; a cell that a spreadsheet would run as a formula begins with an apostrophe (OWASP, CSV injection)."""
    buffer = io.StringIO()
    texts = [str(cell) for cell in cells]
    csv.writer(buffer).writerow(
        [f"'{text}" if text[:1] in tuple("=+-@\t\r") and text else text for text in texts]
    )
    return buffer.getvalue().encode()


def csv_file(lines: Iterable[Iterable[object]], name: str) -> Response:
    """The lines as a file to keep, which no cache does. `name`: ASCII, with its ending."""
    return Response(
        MARK + b"".join(map(csv_line, lines)),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )
