"""One appointment at the counter: its page, moved to another time, cancelled with a reason, its calendar file."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.appointments import calendar, counter, service, slots
from care.appointments.counter import CancelReason
from care.appointments.feeds import links
from care.appointments.models import Status
from care.appointments.pages.shared import clash_with, day_said, page, patient_shown, to_calendar, words
from care.appointments.queue import service as queue
from care.appointments.views import AppointmentView, Refused, Why
from care.desk.pages.desk import Desk, Nurse
from web.shell import back_to
from web.signin.models import StaffUser

LIVE = (Status.PENDING, Status.BOOKED)


def add_routes(router: APIRouter, desk: Desk) -> None:
    """`/desk/clinics/appointments/{appointment_id}` and what is done with it."""

    async def _one(
        session: AsyncSession, staff: StaffUser, appointment_id: UUID
    ) -> tuple[AppointmentView, str]:
        view = await service.get(session, appointment_id)
        if view is None:
            raise HTTPException(404, words("errors", "no_appointment"))
        return view, await patient_shown(session, staff, view.patient_id, desk)

    @router.get("/appointments/{appointment_id}")
    async def shown(request: Request, staff: Nurse, appointment_id: UUID) -> Response:
        async with desk.database.write("appointment") as session:
            view, name = await _one(session, staff, appointment_id)
            room = await queue.room(session, view.practitioner_id, view.day)
            went_on = await service.went_on(session, appointment_id, view.patient_id)
            now_at = await service.get(session, went_on) if went_on and went_on != appointment_id else None
        today = desk.clock.local().date()
        return page(
            desk,
            request,
            "visit.html",
            view=view,
            name=name,
            room=room,
            now_at=now_at,
            # Who is late may want another day: until the day is over it is not too late to say so.
            movable=view.status in LIVE and view.day >= today,
            today=view.day == today,
            reasons=list(CancelReason),
            day_said=day_said,
        )

    @router.post("/appointments/{appointment_id}/calendar")
    async def linked(request: Request, staff: Nurse, appointment_id: UUID) -> Response:
        """The address is shown once: only its hash is kept."""
        async with desk.database.write("calendar link") as session:
            view, name = await _one(session, staff, appointment_id)
            path = await links.for_appointment(session, appointment_id, by=staff.id, now=desk.clock.now())
        return page(
            desk,
            request,
            "calendar-link.html",
            link=str(request.base_url).rstrip("/") + path,
            title=f"{name} {day_said(view.day)}",
            back=f"/desk/clinics/appointments/{appointment_id}",
            kind="visit",
        )

    @router.get("/appointments/{appointment_id}/move")
    async def move_asked(
        request: Request,
        staff: Nurse,
        appointment_id: UUID,
        slot: Annotated[UUID | None, Query()] = None,
        day: Annotated[date | None, Query()] = None,
    ) -> Response:
        """With a slot: the question; without: the free places of a day to choose from."""
        async with desk.database.write("appointment move") as session:
            view, name = await _one(session, staff, appointment_id)
            if view.status not in LIVE:
                here = f"/desk/clinics/appointments/{appointment_id}"
                return back_to(here, refused=Why.NOT_LIVE.value)
            wanted = await slots.slot(session, slot) if slot else None
            clash = await clash_with(session, view.patient_id, wanted, appointment_id) if wanted else None
            on = day or view.day
            found = (
                []
                if wanted
                else await calendar.columns(
                    session, now=desk.clock.now(), first=on, last=on, department_id=view.department_id
                )
            )
        return page(
            desk,
            request,
            "move.html",
            view=view,
            name=name,
            wanted=wanted,
            clash=clash,
            columns=found,
            on=on,
            earlier=on - timedelta(days=1),
            later=on + timedelta(days=1),
            day_said=day_said,
        )

    @router.post("/appointments/{appointment_id}/move")
    async def moved(staff: Nurse, appointment_id: UUID, slot: Annotated[UUID, Form()]) -> Response:
        async with desk.database.write("move appointment") as session:
            await _one(session, staff, appointment_id)
            done = await counter.move(session, appointment_id, slot, staff_id=staff.id, now=desk.clock.now())
        if isinstance(done, Refused):
            here = f"/desk/clinics/appointments/{appointment_id}/move"
            return back_to(here, refused=done.why.value)
        return to_calendar(done.appointment.department_id, done.appointment.day, "moved")

    @router.post("/appointments/{appointment_id}/cancel")
    async def cancelled(
        staff: Nurse, appointment_id: UUID, reason: Annotated[CancelReason, Form()]
    ) -> Response:
        async with desk.database.write("cancel appointment") as session:
            await _one(session, staff, appointment_id)
            done = await counter.cancel(
                session, appointment_id, reason, staff_id=staff.id, now=desk.clock.now()
            )
            if isinstance(done, Refused):
                raise HTTPException(409, words("refused", done.why))
        return back_to(f"/desk/clinics/appointments/{appointment_id}", said="cancelled")
