"""The desk's own routes: overview, conversations, tasks, canned replies, the live line."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from care.desk.pages import canning, listing, stream, talking, tasking, viewing
from care.desk.pages.tools import Tools
from web.security import csrf_protect


def desk_router(tools: Tools) -> APIRouter:
    """The pages and their buttons."""
    router = APIRouter(prefix="/desk", include_in_schema=False, dependencies=[Depends(csrf_protect)])
    for subject in (listing, talking, tasking, canning, viewing):
        subject.add_routes(router, tools)
    stream.add_routes(router, tools.desk, tools.live)
    return router
