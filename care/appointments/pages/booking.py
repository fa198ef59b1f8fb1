"""Booking for a patient: from a free place or for who walks in; found, held, asked, booked."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.responses import Response

from care.appointments import calendar, counter, service, slots
from care.appointments.models import Part, SlotHold
from care.appointments.pages.picking import find
from care.appointments.pages.shared import (
    clash_with,
    day_said,
    doctor_of,
    page,
    patient_shown,
    to_calendar,
    words,
)
from care.appointments.queue import service as queue
from care.appointments.views import Refused
from care.desk.pages.desk import Desk, Nurse
from care.patients import service as patients
from web.shell import back_to

WalkIn = Annotated[bool, Form()]


def add_routes(router: APIRouter, desk: Desk) -> None:
    """`/desk/clinics/book` and `/desk/clinics/walk-in`."""

    @router.get("/walk-in")
    async def walk_in(_staff: Nurse, doctor: UUID, part: Part) -> Response:
        """The next place of the half-day, one above the capacity if there is none and the schedule lets staff give it."""
        today = desk.clock.local().date()
        async with desk.database.read("walk-in") as session:
            await doctor_of(session, doctor)
            found = await calendar.columns(
                session, now=desk.clock.now(), first=today, last=today, practitioner_id=doctor
            )
        places = [one for col in found for one in col.places if one.slot.part == part]
        chosen = next((one for one in places if one.free), None) or next(
            (one for one in places if one.spare), None
        )
        if chosen is None:
            where = {"doctor": str(doctor), "day": today.isoformat(), "part": part.value}
            return back_to("/desk/clinics/queue", **where, said="no_place")
        return back_to("/desk/clinics/book", slot=str(chosen.slot.id), walk_in="1")

    async def _asked(
        request: Request, staff: Nurse, slot_id: UUID, walk_in: bool, query: str | None
    ) -> Response:
        async with desk.database.write("book for a patient") as session:
            slot = await slots.slot(session, slot_id)
            if slot is None:
                raise HTTPException(404, words("errors", "no_slot"))
            found = await find(session, staff, desk, query) if query is not None else None
        return page(
            desk, request, "book.html", slot=slot, found=found, walk_in=walk_in, day_said=day_said, status=200
        )

    @router.get("/book")
    async def asked(
        request: Request, staff: Nurse, slot: UUID, walk_in: Annotated[bool, Query()] = False
    ) -> Response:
        return await _asked(request, staff, slot, walk_in, None)

    @router.post("/book/search")
    async def searched(
        request: Request,
        staff: Nurse,
        slot: Annotated[UUID, Form()],
        q: Annotated[str, Form(max_length=60)] = "",
        walk_in: WalkIn = False,
    ) -> Response:
        """By POST: a name must not stand in an address that logs keep."""
        return await _asked(request, staff, slot, walk_in, q)

    @router.post("/book/hold")
    async def held(
        staff: Nurse,
        slot: Annotated[UUID, Form()],
        patient: Annotated[UUID, Form()],
        walk_in: WalkIn = False,
    ) -> Response:
        """The place is kept while the last question is on the screen."""
        async with desk.database.write("hold at the counter") as session:
            if await patients.get(session, patient) is None:
                raise HTTPException(404, words("errors", "no_patient"))
            done = await counter.keep(session, slot, patient, now=desk.clock.now())
        more = {"walk_in": "1"} if walk_in else {}
        if isinstance(done, Refused):
            return back_to("/desk/clinics/book", slot=str(slot), refused=done.why.value, **more)
        return back_to(f"/desk/clinics/book/{done.hold_id}", **more)

    @router.get("/book/{hold_id}")
    async def sure(
        request: Request, staff: Nurse, hold_id: UUID, walk_in: Annotated[bool, Query()] = False
    ) -> Response:
        async with desk.database.write("held at the counter") as session:
            hold = await session.get(SlotHold, hold_id)
            slot = await slots.slot(session, hold.slot_id) if hold is not None else None
            if hold is None or slot is None:
                raise HTTPException(404, words("refused", "hold_gone"))
            name = await patient_shown(session, staff, hold.patient_id, desk)
            clash = await clash_with(session, hold.patient_id, slot, hold.replaces_id)
        return page(
            desk,
            request,
            "book-sure.html",
            hold=hold,
            slot=slot,
            name=name,
            clash=clash,
            walk_in=walk_in,
            day_said=day_said,
        )

    @router.post("/book/{hold_id}/confirm")
    async def booked(staff: Nurse, hold_id: UUID, walk_in: WalkIn = False) -> Response:
        now = desk.clock.now()
        async with desk.database.write("book at the counter") as session:
            done = await counter.book(session, hold_id, staff_id=staff.id, now=now)
            if isinstance(done, Refused):
                raise HTTPException(409, words("refused", done.why))
            view = done.appointment
            if walk_in:
                await queue.check_in(session, view.appointment_id, now=now)
        if walk_in:
            line = {"doctor": str(view.practitioner_id), "day": view.day.isoformat(), "part": view.part.value}
            return back_to("/desk/clinics/queue", **line, said="walked_in")
        return back_to(f"/desk/clinics/appointments/{view.appointment_id}", said="booked")

    @router.post("/book/{hold_id}/release")
    async def released(_staff: Nurse, hold_id: UUID) -> Response:
        async with desk.database.write("release at the counter") as session:
            hold = await session.get(SlotHold, hold_id)
            slot = await slots.slot(session, hold.slot_id) if hold is not None else None
            await service.release(session, hold_id)
        if slot is None:
            return back_to("/desk/clinics/calendar", said="released")
        return to_calendar(slot.department_id, slot.day, "released")
