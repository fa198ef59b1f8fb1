"""Faults of a vendor's API, the same for every line."""

from __future__ import annotations

import asyncio

from fastapi import Response

from channels.simulator.controls import json_response
from channels.simulator.faults import Fault

API_FAULTS = frozenset(
    {"hang_after", "hang_before", "slow", "http", "http_after", "html", "errcode", "no_errcode"}
)


async def before(fault: Fault | None) -> Response | None:
    """What goes wrong before the vendor has accepted anything."""
    if fault is None:
        return None
    if fault.kind in ("hang_before", "slow"):
        await asyncio.sleep(fault.seconds(30.0 if fault.kind == "hang_before" else 1.0))
    if fault.kind == "http":
        return Response("", status_code=int(fault.seconds(500)))
    if fault.kind in ("html", "hang_before"):
        return Response("<html><body>502 Bad Gateway</body></html>", media_type="text/html")
    return None


async def after(fault: Fault | None) -> Response | None:
    """What goes wrong once it has."""
    if fault is None:
        return None
    if fault.kind == "hang_after":
        await asyncio.sleep(fault.seconds(30.0))
    if fault.kind == "http_after":
        return Response("", status_code=int(fault.seconds(500)))
    return json_response({}) if fault.kind == "no_errcode" else None
