"""`/desk/unconfirmed`: visits nobody answered for, half-days to close, when reminders go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import Response

from care.access import service as access
from care.appointments import counter
from care.appointments.coming import ending, leads, service
from care.appointments.coming.models import Rung
from care.appointments.counter import CancelReason
from care.appointments.models import Appointment, Part, Status
from care.appointments.views import Refused
from care.desk import service as tasks
from care.desk.due import soon
from care.desk.models import TaskKind
from care.desk.pages.desk import Desk, Nurse, show
from care.hospital import service as hospital
from care.hospital.workdays import workdays
from care.patients import service as patients
from store import audit
from web.security import csrf_protect
from web.shell import add_templates, back_to
from web.words import Words

add_templates("coming", Path(__file__).parent / "templates")
words = Words(Path(__file__).parents[3] / "data" / "seed" / "coming_words.yml")
HOME = "/desk/unconfirmed"
PAGE = "unconfirmed"
"""This page in the audit trail."""


@dataclass(frozen=True, slots=True)
class ComingDesk(Desk):
    """`usual`: the hospital's days of reminding; `risky`: from this risk on a visit is marked."""

    usual: tuple[int, ...]
    risky: float


def coming_router(desk: ComingDesk) -> APIRouter:
    """The page and its buttons."""
    router = APIRouter(prefix=HOME, include_in_schema=False, dependencies=[Depends(csrf_protect)])

    @router.get("")
    async def listed(request: Request, staff: Nurse) -> Response:
        now, today = desk.clock.now(), desk.clock.local().date()
        async with desk.database.write("unconfirmed") as session:
            days = await workdays(session, today, today + timedelta(days=7))
            last = days.next_workday(today + timedelta(days=1))
            rows = await service.unconfirmed(session, last, now=now)
            people = [one.patient for one in rows]
            hidden = await access.hidden(session, staff.id, people, now=now)
            seen = [one.id for one in people if one.id not in hidden]
            await access.seen(session, staff, seen, PAGE, now=now)
            over = await ending.ended(session, desk.clock)
            departments = await hospital.departments(session, bookable=True)
            own = (await leads.load(session, desk.usual)).own
        code = request.query_params.get("said", "")
        return show(
            desk,
            request,
            "coming/unconfirmed.html",
            words=words,
            rows=rows,
            hidden=hidden,
            over=over,
            departments=departments,
            own=own,
            usual=_days(desk.usual),
            days_said=_days,
            day_said=_day,
            last=last,
            risky=desk.risky,
            outcomes=list(Rung),
            said=words.known("said").get(code, ""),
            wrong=words.known("errors").get(code, ""),
            undo=_undo(request) if code == "missed" else None,
        )

    @router.post("/{appointment_id}/rung")
    async def rung(
        staff: Nurse, appointment_id: UUID, outcome: Annotated[str, Form(max_length=20)] = ""
    ) -> Response:
        if outcome not in set(Rung):
            return back_to(HOME, said="choose")
        what, now = Rung(outcome), desk.clock.now()
        async with desk.database.write("unconfirmed rung") as session:
            row = await session.get(Appointment, appointment_id, with_for_update=True, populate_existing=True)
            patient = await patients.get(session, row.patient_id) if row is not None else None
            if row is None or patient is None:
                raise HTTPException(404, words("errors", "gone"))
            if not await access.may_see(session, staff, patient, now=now):
                raise HTTPException(403)
            if row.status != Status.BOOKED or row.start <= now:
                return back_to(HOME, said="gone")
            if what is not Rung.COMING and await service.confirmed(session, appointment_id):
                # The patient has answered, or a colleague has rung, since this page was made: nothing is undone by it.
                return back_to(HOME, said="confirmed")
            await service.rung(session, row, what, by=staff.id, now=now)
            if what is Rung.CANCELLED:
                done = await counter.cancel(
                    session, appointment_id, CancelReason.PATIENT, staff_id=staff.id, now=now
                )
                if isinstance(done, Refused):
                    return back_to(HOME, said="gone")
            if what is Rung.WRONG_NUMBER:
                await tasks.open_task(
                    session,
                    TaskKind.CORRECTION,
                    dedup_key=f"unconfirmed:{appointment_id}",
                    now=now,
                    due_at=soon(TaskKind.CORRECTION, now),
                    note=words(
                        "labels",
                        "wrong_number_note",
                        when=f"{desk.clock.local_naive(row.start):%Y-%m-%d %H:%M}",
                    ),
                    patient_id=patient.id,
                )
        return back_to(HOME, said=what.value)

    @router.post("/missed")
    async def missed(
        staff: Nurse,
        doctor: Annotated[UUID, Form()],
        day: Annotated[date, Form()],
        part: Annotated[Part, Form()],
    ) -> Response:
        async with desk.database.write("half-day closed") as session:
            count = await ending.say_missed(session, doctor, day, part, by=staff.id, clock=desk.clock)
        if not count:
            return back_to(HOME, said="nothing")
        return back_to(HOME, said="missed", doctor=str(doctor), day=day.isoformat(), part=part.value)

    @router.post("/missed/undo")
    async def undone(
        staff: Nurse,
        doctor: Annotated[UUID, Form()],
        day: Annotated[date, Form()],
        part: Annotated[Part, Form()],
    ) -> Response:
        now = desk.clock.now()
        async with desk.database.write("half-day opened again") as session:
            count = await ending.take_back(session, doctor, day, part, by=staff.id, now=now)
        return back_to(HOME, said="undone" if count else "late")

    @router.post("/leads")
    async def lead_times(
        staff: Nurse, department: Annotated[UUID, Form()], days: Annotated[str, Form(max_length=40)] = ""
    ) -> Response:
        now = desk.clock.now()
        try:
            wanted = leads.read(days) if days.strip() else None
        except leads.LeadError as error:
            return back_to(HOME, said=error.code)
        async with desk.database.write("reminder lead") as session:
            if await hospital.department(session, department) is None:
                return back_to(HOME, said="department")
            await leads.change(session, department, wanted, by=staff.id, now=now)
            audit.record(
                session,
                actor=audit.subject_of("staff", staff.id),
                action="reminder.lead",
                subject=audit.subject_of("department", department),
                at=now,
            )
        return back_to(HOME, said="leads")

    return router


def _days(days: Sequence[int]) -> str:
    return words("labels", "separator").join(str(one) for one in days)


def _day(value: date) -> str:
    weekday = words("weekdays", value.weekday())
    return words("labels", "day", month=value.month, day=value.day, weekday=weekday)


def _undo(request: Request) -> dict[str, str]:
    return {name: request.query_params.get(name, "") for name in ("doctor", "day", "part")}
