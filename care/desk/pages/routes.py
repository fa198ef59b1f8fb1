"""The desk's own routes: overview, conversations, tasks."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from care.desk.live import Live
from care.desk.pages import home, stream
from care.desk.pages.desk import Desk
from web.security import csrf_protect


def desk_router(desk: Desk, live: Live) -> APIRouter:
    """The pages and their buttons."""
    router = APIRouter(prefix="/desk", include_in_schema=False, dependencies=[Depends(csrf_protect)])
    for subject in (home,):
        subject.add_routes(router, desk)
    stream.add_routes(router, desk, live)
    return router
