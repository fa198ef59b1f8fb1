"""Making and taking back the addresses of big screens and of doctors' calendar feeds."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.appointments.feeds import links
from care.appointments.pages.shared import bookable, department_of, doctor_of, page, words
from care.appointments.queue import screens
from care.desk.pages.desk import Desk, Nurse
from care.hospital import service as hospital
from store import audit
from web.shell import back_to

PAGE = "/desk/clinics/screens"


def add_routes(router: APIRouter, desk: Desk) -> None:
    """`/desk/clinics/screens` and `/desk/clinics/feeds`."""

    @router.get("/screens")
    async def shown(
        request: Request, _staff: Nurse, department: Annotated[UUID | None, Query()] = None
    ) -> Response:
        async with desk.database.read("screens") as session:
            every = await bookable(session)
            chosen = await department_of(session, department) if department else next(iter(every), None)
            doctors = await hospital.practitioners(session, chosen.id) if chosen else []
            feeds = await links.feeds_of(session, [one.id for one in doctors])
            found = await screens.standing(session)
        return page(
            desk,
            request,
            "screens.html",
            departments=every,
            chosen=chosen,
            doctors=doctors,
            feeds=feeds,
            screens=found,
            names={one.id: one.name for one in every},
            now=desk.clock.now(),
        )

    @router.post("/screens")
    async def made(
        request: Request,
        staff: Nurse,
        department: Annotated[UUID, Form()],
        name: Annotated[str, Form(min_length=1, max_length=40)],
    ) -> Response:
        """The address is shown once: only its hash is kept."""
        async with desk.database.write("make screen") as session:
            await department_of(session, department)
            row, path = await screens.make(
                session, name.strip(), department, by=staff.id, now=desk.clock.now()
            )
        return _once(request, path, row.name, "screen")

    @router.post("/screens/{screen_id}/revoke")
    async def revoked(staff: Nurse, screen_id: UUID) -> Response:
        async with desk.database.write("revoke screen") as session:
            if not await screens.revoke(session, screen_id, by=staff.id, now=desk.clock.now()):
                raise HTTPException(409, words("errors", "no_screen"))
        return back_to(PAGE, said="screen_revoked")

    @router.post("/feeds/{doctor_id}")
    async def subscribed(request: Request, staff: Nurse, doctor_id: UUID) -> Response:
        async with desk.database.write("make feed") as session:
            doctor = await doctor_of(session, doctor_id)
            path = await links.for_doctor(session, doctor_id, by=staff.id, now=desk.clock.now())
            _note(session, staff.id, doctor_id, "feed.make")
        return _once(request, path, doctor.name, "feed")

    @router.post("/feeds/{doctor_id}/revoke")
    async def ended(staff: Nurse, doctor_id: UUID) -> Response:
        async with desk.database.write("revoke feed") as session:
            doctor = await doctor_of(session, doctor_id)
            if not await links.revoke(session, doctor_id, now=desk.clock.now()):
                raise HTTPException(409, words("errors", "no_link"))
            _note(session, staff.id, doctor_id, "feed.revoke")
        return back_to(PAGE, department=str(doctor.department_id), said="feed_revoked")

    def _once(request: Request, path: str, title: str, kind: str) -> Response:
        return page(
            desk,
            request,
            "calendar-link.html",
            link=str(request.base_url).rstrip("/") + path,
            title=title,
            kind=kind,
            back=PAGE,
        )

    def _note(session: AsyncSession, staff_id: UUID, doctor_id: UUID, act: str) -> None:
        audit.record(
            session,
            actor=audit.subject_of("staff", staff_id),
            action=act,
            subject=audit.subject_of("practitioner", doctor_id),
            at=desk.clock.now(),
        )
