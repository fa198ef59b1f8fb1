"""The routes of `/desk/patients`."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from care.patients.pages import acts, finding, record
from care.patients.pages.desk import PatientDesk
from web.security import csrf_protect


def patients_router(desk: PatientDesk) -> APIRouter:
    """The pages and their buttons."""
    router = APIRouter(prefix="/desk/patients", include_in_schema=False, dependencies=[Depends(csrf_protect)])
    for subject in (finding, record, acts):
        subject.add_routes(router, desk)
    return router
