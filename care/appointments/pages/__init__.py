"""`/desk/clinics`: the calendar, the queue, the waitlist, closing clinics; and what is public by its address."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from care.appointments.pages import (
    agenda,
    booking,
    closing,
    days,
    lining,
    printing,
    queueing,
    screening,
    visits,
)
from care.appointments.pages.screen import public_router
from care.desk.pages.desk import Desk
from web.security import csrf_protect


def clinics_router(desk: Desk) -> APIRouter:
    """The pages and their buttons."""
    router = APIRouter(prefix="/desk/clinics", include_in_schema=False, dependencies=[Depends(csrf_protect)])
    for part in (closing, agenda, booking, queueing, lining, screening, printing, visits, days):
        part.add_routes(router, desk)
    return router


__all__ = ["clinics_router", "public_router"]
