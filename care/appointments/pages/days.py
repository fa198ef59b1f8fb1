"""The week of a department, and a half-day's patients: arrived, seen, did not come."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.appointments import calendar, service
from care.appointments.models import Part, Status
from care.appointments.pages.shared import bookable, day_said, department_of, doctor_of, names, page, words
from care.appointments.queue import service as queue
from care.appointments.rules import UNDO_FOR
from care.desk.pages.desk import Desk, Nurse
from store import audit
from web.shell import back_to

Step = Literal["arrived", "fulfilled", "noshow", "fulfilled_undone"]


def add_routes(router: APIRouter, desk: Desk) -> None:
    """`/desk/clinics`, `/desk/clinics/day` and its buttons."""

    @router.get("")
    async def week(
        request: Request,
        _staff: Nurse,
        department: Annotated[UUID | None, Query()] = None,
        start: Annotated[date | None, Query()] = None,
    ) -> Response:
        today = desk.clock.local().date()
        first = start or today
        async with desk.database.read("clinics") as session:
            every = await bookable(session)
            chosen = await department_of(session, department) if department else next(iter(every), None)
            doctors = await calendar.week(session, chosen.id, first) if chosen else []
        days = [first + timedelta(days=offset) for offset in range(calendar.WEEK)]
        return page(
            desk,
            request,
            "week.html",
            departments=every,
            chosen=chosen,
            doctors=doctors,
            days=days,
            parts=list(Part),
            today=today,
            earlier=first - timedelta(days=calendar.WEEK),
            later=first + timedelta(days=calendar.WEEK),
            day_said=day_said,
        )

    @router.get("/day")
    async def half_day(request: Request, staff: Nurse, doctor: UUID, day: date, part: Part) -> Response:
        async with desk.database.write("clinic day") as session:
            who = await doctor_of(session, doctor)
            visitors = await calendar.half_day(session, doctor, day, part)
            shown = await names(session, staff, [one.patient for one in visitors], desk)
        return page(
            desk,
            request,
            "day.html",
            doctor=who,
            day=day,
            part=part,
            visitors=visitors,
            shown=shown,
            now=desk.clock.now(),
            today=desk.clock.local().date(),
            lately=desk.clock.now() - UNDO_FOR,
            day_said=day_said,
        )

    @router.post("/appointments/{appointment_id}/{step}")
    async def moved(staff: Nurse, appointment_id: UUID, step: Step) -> Response:
        now = desk.clock.now()
        async with desk.database.write("appointment moved on") as session:
            view = await service.get(session, appointment_id)
            if view is None:
                raise HTTPException(404, words("errors", "no_appointment"))
            if step == "noshow" and view.start > now:
                raise HTTPException(409, words("errors", "too_early"))
            if step == "arrived" and view.day > desk.clock.local().date():
                raise HTTPException(409, words("errors", "not_today"))
            if not await _step(session, appointment_id, step, now):
                raise HTTPException(409, words("errors", "moved_already"))
            subject = audit.subject_of("appointment", appointment_id)
            audit.record(
                session, actor=f"staff:{staff.id}", action=f"appointment.{step}", subject=subject, at=now
            )
        return back_to(
            "/desk/clinics/day",
            doctor=str(view.practitioner_id),
            day=view.day.isoformat(),
            part=view.part,
            said=step,
        )


async def _step(session: AsyncSession, appointment_id: UUID, step: Step, now: datetime) -> bool:
    """Through the queue, where it knows them."""
    match step:
        case "arrived":
            return await queue.check_in(session, appointment_id, now=now) is not None
        case "fulfilled":
            return await queue.done(session, appointment_id, now=now)
        case "fulfilled_undone":
            return await queue.not_seen(session, appointment_id, now=now)
        case "noshow":
            return await service.move_on(session, appointment_id, Status.NOSHOW, now=now)
