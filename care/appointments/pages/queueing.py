"""A doctor's queue: checking in at the counter, calling, passing over, putting back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.appointments import calendar, service
from care.appointments.models import Part, Status
from care.appointments.pages.picking import Found, find
from care.appointments.pages.shared import (
    bookable,
    day_said,
    department_of,
    doctor_of,
    names,
    page,
    words,
)
from care.appointments.queue import service as queue
from care.appointments.queue.models import TicketState
from care.appointments.queue.service import Line
from care.appointments.rules import UNDO_FOR
from care.appointments.views import AppointmentView
from care.desk.pages.desk import Desk, Nurse
from store import audit
from web.shell import back_to
from web.signin.models import StaffUser

Act = Literal["again", "pass", "back", "done", "unseen", "undo"]
LATELY = 3
"""So many of who was seen last are offered to be taken back."""


def add_routes(router: APIRouter, desk: Desk) -> None:
    """`/desk/clinics/queue`, its buttons, `/desk/clinics/check-in`."""

    async def _page(
        request: Request,
        staff: StaffUser,
        session: AsyncSession,
        line: Line,
        found: Found | None = None,
        theirs: dict[UUID, list[AppointmentView]] | None = None,
    ) -> Response:
        doctor = await doctor_of(session, line.practitioner_id)
        everybody = await queue.tickets(session, line)
        booked = [
            one
            for one in await calendar.half_day(session, line.practitioner_id, line.day, line.part)
            if one.status is Status.BOOKED
        ]
        people = [*(one.patient for one in everybody), *(one.patient for one in booked)]
        values: dict[str, Any] = {
            "line": line,
            "doctor": doctor,
            "room": await queue.room(session, line.practitioner_id, line.day),
            "shown": await names(session, staff, people, desk, live="hx-request" in request.headers),
            "booked": booked,
            "found": found,
            "theirs": theirs or {},
            "parts": list(Part),
            "day_said": day_said,
            **{state.value: [one for one in everybody if one.ticket.state == state] for state in TicketState},
        }
        values["lately"] = _lately(values[TicketState.DONE.value], desk.clock.now())
        live = "hx-request" in request.headers and request.method == "GET"
        return page(desk, request, "queue-now.html" if live else "queue.html", **values)

    @router.get("/queue")
    async def shown(
        request: Request,
        staff: Nurse,
        doctor: Annotated[UUID | None, Query()] = None,
        day: Annotated[date | None, Query()] = None,
        part: Annotated[Part | None, Query()] = None,
        department: Annotated[UUID | None, Query()] = None,
    ) -> Response:
        """Without a doctor: today's clinics to choose from."""
        now = desk.clock.local()
        if doctor is not None:
            line = Line(doctor, day or now.date(), part or part_now(now.hour))
            async with desk.database.write("queue") as session:
                return await _page(request, staff, session, line)
        async with desk.database.read("queues") as session:
            every = await bookable(session)
            chosen = await department_of(session, department) if department else next(iter(every), None)
            doctors = await calendar.week(session, chosen.id, now.date()) if chosen else []
        today = [(one, [part for day, part in one.cells if day == now.date()]) for one in doctors]
        return page(
            desk,
            request,
            "queues.html",
            departments=every,
            chosen=chosen,
            today=[(one, parts) for one, parts in today if parts],
            day=now.date(),
            day_said=day_said,
        )

    @router.post("/queue/find")
    async def looked_for(
        request: Request,
        staff: Nurse,
        doctor: Annotated[UUID, Form()],
        day: Annotated[date, Form()],
        part: Annotated[Part, Form()],
        q: Annotated[str, Form(max_length=60)] = "",
    ) -> Response:
        """Who stands at the counter, with what they have booked today, wherever."""
        async with desk.database.write("check-in search") as session:
            found = await find(session, staff, desk, q)
            theirs: dict[UUID, list[AppointmentView]] = {}
            for view in await service.today_of(
                session, [one.id for one in found.faces], desk.clock.local().date()
            ):
                theirs.setdefault(view.patient_id, []).append(view)
            return await _page(request, staff, session, Line(doctor, day, part), found, theirs)

    @router.post("/check-in/{appointment_id}")
    async def checked_in(staff: Nurse, appointment_id: UUID) -> Response:
        async with desk.database.write("check in") as session:
            view = await service.get(session, appointment_id)
            if view is None:
                raise HTTPException(404, words("errors", "no_appointment"))
            if view.day != desk.clock.local().date():
                raise HTTPException(409, words("errors", "not_today"))
            ticket = await queue.check_in(session, appointment_id, now=desk.clock.now())
            if ticket is None:
                return _back(Line(view.practitioner_id, view.day, view.part), "moved_already")
            _note(session, staff, appointment_id, "arrived")
            line = queue.line_of(ticket)
        return _back(line, "checked_in")

    @router.post("/queue/call")
    async def called(
        staff: Nurse,
        doctor: Annotated[UUID, Form()],
        day: Annotated[date, Form()],
        part: Annotated[Part, Form()],
        seen: Annotated[str, Form(max_length=40)] = "",
    ) -> Response:
        """`seen`: who was in the room as the page showed it; seen now."""
        line = Line(doctor, day, part)
        async with desk.database.write("call next") as session:
            there = await queue.called(session, line)
            if (str(there.appointment_id) if there else "") != seen:
                return _back(line, "called_already")
            ticket = await queue.call_next(
                session,
                line,
                seen=there.appointment_id if there else None,
                by=staff.id,
                now=desk.clock.now(),
            )
            if ticket is None and await queue.called(session, line) is not None:
                return _back(line, "called_already")
            if there is not None:
                _note(session, staff, there.appointment_id, "fulfilled")
            if ticket is not None:
                _note(session, staff, ticket.appointment_id, "called")
        return _back(line, "called" if ticket is not None else "nobody_waits")

    @router.post("/queue/{appointment_id}/{act}")
    async def acted(staff: Nurse, appointment_id: UUID, act: Act) -> Response:
        now = desk.clock.now()
        async with desk.database.write("queue") as session:
            view = await service.get(session, appointment_id)
            if view is None:
                raise HTTPException(404, words("errors", "no_appointment"))
            match act:
                case "again":
                    done = await queue.call_again(session, appointment_id, now=now)
                case "pass":
                    done = await queue.pass_over(session, appointment_id, by=staff.id, now=now)
                case "back":
                    done = await queue.put_back(session, appointment_id, now=now)
                case "done":
                    done = await queue.seen(session, appointment_id, now=now)
                case "unseen":
                    done = await queue.not_seen(session, appointment_id, now=now)
                case "undo":
                    done = await queue.take_back(session, appointment_id, now=now)
            if not done:
                return _back(Line(view.practitioner_id, view.day, view.part), "moved_already")
            _note(session, staff, appointment_id, f"queue_{act}")
        return _back(Line(view.practitioner_id, view.day, view.part), f"queue_{act}")

    @router.post("/queue/room")
    async def room(
        staff: Nurse,
        doctor: Annotated[UUID, Form()],
        day: Annotated[date, Form()],
        part: Annotated[Part, Form()],
        room: Annotated[str, Form(max_length=20)] = "",
    ) -> Response:
        async with desk.database.write("room") as session:
            await doctor_of(session, doctor)
            await queue.set_room(session, doctor, day, room.strip())
        return _back(Line(doctor, day, part), "room")

    def _note(session: AsyncSession, staff: StaffUser, appointment_id: UUID, act: str) -> None:
        audit.record(
            session,
            actor=audit.subject_of("staff", staff.id),
            action=f"appointment.{act}",
            subject=audit.subject_of("appointment", appointment_id),
            at=desk.clock.now(),
        )


def _lately(done: Sequence[queue.Waiting], now: datetime) -> list[queue.Waiting]:
    """Who was seen last, while it can be taken back."""
    late = [one for one in done if one.changed_at >= now - UNDO_FOR]
    return sorted(late, key=lambda one: one.changed_at, reverse=True)[:LATELY]


def part_now(hour: int) -> Part:
    """The half-day people queue for at that hour."""
    return Part.MORNING if hour < 12 else Part.AFTERNOON if hour < 18 else Part.EVENING


def _back(line: Line, said: str) -> Response:
    return back_to(
        "/desk/clinics/queue",
        doctor=str(line.practitioner_id),
        day=line.day.isoformat(),
        part=line.part.value,
        said=said,
    )
