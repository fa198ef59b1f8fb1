"""`/desk`: what is to be done now, the most urgent first."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from care.desk.pages.desk import Desk, Nurse, show


def add_routes(router: APIRouter, desk: Desk) -> None:
    """`/desk`."""

    @router.get("")
    async def overview(request: Request, _staff: Nurse) -> Response:
        return show(desk, request, "desk/overview.html")
