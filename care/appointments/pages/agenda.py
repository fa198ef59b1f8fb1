"""The calendar: a department's day by doctor, a doctor's week; free time blocked and opened again, a move taken back."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.responses import Response

from care.appointments import calendar, counter
from care.appointments.blocks import service as blocks
from care.appointments.closures.models import Reason
from care.appointments.notices import service as notices
from care.appointments.pages.shared import (
    bookable,
    day_said,
    department_of,
    doctor_of,
    names,
    page,
    to_calendar,
    words,
)
from care.appointments.views import Refused
from care.desk.pages.desk import Desk, Nurse


def add_routes(router: APIRouter, desk: Desk) -> None:
    """`/desk/clinics/calendar` and what is dragged in it."""

    @router.get("/calendar")
    async def shown(
        request: Request,
        staff: Nurse,
        department: Annotated[UUID | None, Query()] = None,
        doctor: Annotated[str, Query(max_length=40)] = "",
        day: Annotated[date | None, Query()] = None,
    ) -> Response:
        """With a doctor: the seven days from `day`; else everybody's day."""
        today = desk.clock.local().date()
        first = day or today
        who = _id(doctor)
        last = first + timedelta(days=calendar.WEEK - 1) if who else first
        async with desk.database.write("clinic calendar") as session:
            every = await bookable(session)
            single = await doctor_of(session, who) if who else None
            wanted = single.department_id if single else department
            chosen = await department_of(session, wanted) if wanted else next(iter(every), None)
            found = (
                await calendar.columns(
                    session,
                    now=desk.clock.now(),
                    first=first,
                    last=last,
                    department_id=chosen.id,
                    practitioner_id=who,
                )
                if chosen
                else []
            )
            people = [one.patient for col in found for place in col.places for one in place.visitors]
            seen = await names(session, staff, people, desk)
            doctors = list({one.practitioner_id for one in found})
            begins = desk.clock.to_utc(datetime.combine(first, datetime.min.time()))
            ends = begins + (last - first) + timedelta(days=1)
            blocked = await blocks.standing(session, doctors, begins, ends)
            undoable = await notices.undoable(session, doctors)
        step = calendar.WEEK if who else 1
        return page(
            desk,
            request,
            "calendar.html",
            departments=every,
            chosen=chosen,
            doctor=single,
            columns=found,
            shown=seen,
            blocked=blocked,
            moved=[one for one in undoable if one[1].patient_id in seen],
            doctor_names={one.practitioner_id: one.name for one in found},
            first=first,
            today=today,
            earlier=first - timedelta(days=step),
            later=first + timedelta(days=step),
            # Of today what is to come is in sight.
            from_hour=f"{desk.clock.local().hour if first == today and not who else 0:02}:00:00",
            day_said=day_said,
        )

    @router.get("/block")
    async def block_asked(
        request: Request, _staff: Nurse, doctor: UUID, start: datetime, end: datetime
    ) -> Response:
        """`start` and `end` in the hospital's time, as the calendar says them."""
        begins, ends = _span(desk, start, end)
        async with desk.database.read("block") as session:
            who = await doctor_of(session, doctor)
            free = await blocks.free_in(session, doctor, begins, ends)
        return page(
            desk,
            request,
            "block.html",
            doctor=who,
            start=start,
            end=end,
            free=free,
            reasons=list(Reason),
            day_said=day_said,
        )

    @router.post("/block")
    async def block(
        staff: Nurse,
        doctor: Annotated[UUID, Form()],
        start: Annotated[datetime, Form()],
        end: Annotated[datetime, Form()],
        reason: Annotated[Reason, Form()],
    ) -> Response:
        begins, ends = _span(desk, start, end)
        async with desk.database.write("block") as session:
            who = await doctor_of(session, doctor)
            row = await blocks.block(
                session, doctor, begins, ends, reason, staff_id=staff.id, now=desk.clock.now()
            )
        said = "blocked" if row is not None else "nothing_free"
        return to_calendar(who.department_id, start.date(), said)

    @router.post("/blocks/{block_id}/undo")
    async def unblock(staff: Nurse, block_id: UUID) -> Response:
        async with desk.database.write("unblock") as session:
            row = await blocks.undo(session, block_id, staff_id=staff.id, now=desk.clock.now())
            if row is None:
                raise HTTPException(409, words("errors", "open_already"))
            who = await doctor_of(session, row.practitioner_id)
        return to_calendar(who.department_id, desk.clock.local(row.start).date(), "unblocked")

    @router.post("/moves/{notice_id}/undo")
    async def move_undone(staff: Nurse, notice_id: UUID) -> Response:
        async with desk.database.write("undo move") as session:
            done = await counter.undo_move(session, notice_id, staff_id=staff.id, now=desk.clock.now())
            if isinstance(done, Refused):
                raise HTTPException(409, words("refused", done.why))
        view = done.appointment
        return to_calendar(view.department_id, view.day, "move_undone")


def _id(value: str) -> UUID | None:
    try:
        return UUID(value) if value else None
    except ValueError as error:
        raise HTTPException(404, words("errors", "no_doctor")) from error


def _span(desk: Desk, start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Raises 422 for what is no stretch of one day."""
    if start.tzinfo or end.tzinfo or start >= end or start.date() != (end - timedelta(seconds=1)).date():
        raise HTTPException(422, words("errors", "not_a_form"))
    return desk.clock.to_utc(start), desk.clock.to_utc(end)
