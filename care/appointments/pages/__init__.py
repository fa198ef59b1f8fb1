"""`/desk/clinics`: a department's week, a half-day's patients, and closing clinics."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from care.appointments.pages import closing, days
from care.desk.pages.desk import Desk
from web.security import csrf_protect


def clinics_router(desk: Desk) -> APIRouter:
    """The pages and their buttons."""
    router = APIRouter(prefix="/desk/clinics", include_in_schema=False, dependencies=[Depends(csrf_protect)])
    closing.add_routes(router, desk)
    days.add_routes(router, desk)
    return router
