"""停诊: who it touches is shown before, told with one press, seen while it is told."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.appointments.closures import service as closures
from care.appointments.closures.models import ClinicClosure, Reason
from care.appointments.closures.service import ClosureError, Wanted
from care.appointments.models import Part
from care.appointments.pages.shared import day_said, department_of, names, page, words
from care.desk.pages.desk import Desk, Nurse
from care.hospital import service as hospital
from web.shell import back_to

Doctor = Annotated[str, Query(max_length=40)]


def add_routes(router: APIRouter, desk: Desk) -> None:
    """`/desk/clinics/closures` and what is below it."""

    @router.get("/closures")
    async def listed(request: Request, _staff: Nurse) -> Response:
        async with desk.database.read("closures") as session:
            rows = await closures.recent(session, desk.clock.local().date())
            titles = {one.id: await _title(session, one) for one in rows}
        return page(desk, request, "closures.html", rows=rows, titles=titles)

    @router.get("/closures/new")
    async def new(
        request: Request,
        staff: Nurse,
        department: UUID,
        doctor: Doctor = "",
        first: Annotated[date | None, Query()] = None,
        last: Annotated[date | None, Query()] = None,
        part: Annotated[str, Query()] = "",
        reason: Annotated[str, Query()] = "",
        substitute: Doctor = "",
    ) -> Response:
        """With a reason chosen: whom it touches, and the button."""
        today = desk.clock.local().date()
        async with desk.database.write("closure preview") as session:
            chosen = await department_of(session, department)
            doctors = await hospital.practitioners(session, chosen.id)
            wanted = _wanted(
                department, doctor, first or today, last or first or today, part, reason, substitute
            )
            seen, problem, shown = None, "", {}
            if reason:
                try:
                    await closures.check(session, wanted, today)
                    seen = await closures.preview(session, wanted, desk.clock.now())
                    people = [one.patient for one in (*seen.appointments, *seen.arrived)]
                    shown = await names(session, staff, people, desk)
                except ClosureError as error:
                    problem = words("errors", error.why)
        return page(
            desk,
            request,
            "close.html",
            422 if problem else 200,
            chosen=chosen,
            doctors=doctors,
            wanted=wanted,
            asked=bool(reason),
            seen=seen,
            shown=shown,
            problem=problem,
            parts=list(Part),
            reasons=list(Reason),
            day_said=day_said,
        )

    @router.post("/closures")
    async def closed(
        staff: Nurse,
        department: Annotated[UUID, Form()],
        first: Annotated[date, Form()],
        last: Annotated[date, Form()],
        reason: Annotated[Reason, Form()],
        doctor: Annotated[str, Form()] = "",
        part: Annotated[str, Form()] = "",
        substitute: Annotated[str, Form()] = "",
    ) -> Response:
        async with desk.database.write("close clinic") as session:
            await department_of(session, department)
            wanted = _wanted(department, doctor, first, last, part, reason, substitute)
            try:
                row = await closures.close(session, wanted, staff_id=staff.id, clock=desk.clock)
            except ClosureError as error:
                raise HTTPException(409, words("errors", error.why)) from error
        return back_to(f"/desk/clinics/closures/{row.id}", said="closed")

    @router.get("/closures/{closure_id}")
    async def one(request: Request, _staff: Nurse, closure_id: UUID) -> Response:
        return await _progress(request, closure_id, "closure.html")

    @router.get("/closures/{closure_id}/now")
    async def now(request: Request, _staff: Nurse, closure_id: UUID) -> Response:
        """The part that refreshes itself."""
        return await _progress(request, closure_id, "closure-now.html")

    async def _progress(request: Request, closure_id: UUID, template: str) -> Response:
        async with desk.database.read("closure") as session:
            found = await closures.progress(session, closure_id)
            if found is None:
                raise HTTPException(404, words("errors", "no_closure"))
            title = await _title(session, found.closure)
        return page(
            desk,
            request,
            template,
            found=found,
            row=found.closure,
            title=title,
            now=desk.clock.now(),
            today=desk.clock.local().date(),
        )

    @router.post("/closures/{closure_id}/undo")
    async def undone(staff: Nurse, closure_id: UUID) -> Response:
        async with desk.database.write("undo closure") as session:
            done = await closures.undo(session, closure_id, staff_id=staff.id, now=desk.clock.now())
        return back_to(f"/desk/clinics/closures/{closure_id}", said="undone" if done else "too_late")

    @router.post("/closures/{closure_id}/reopen")
    async def reopened(staff: Nurse, closure_id: UUID) -> Response:
        """Held after all, though some have been told."""
        async with desk.database.write("reopen clinic") as session:
            done = await closures.reopen(session, closure_id, staff_id=staff.id, now=desk.clock.now())
        return back_to(f"/desk/clinics/closures/{closure_id}", said="reopened" if done else "ended_already")

    async def _title(session: AsyncSession, row: ClinicClosure) -> str:
        department = await hospital.department(session, row.department_id)
        doctor = await hospital.practitioner(session, row.practitioner_id) if row.practitioner_id else None
        days = day_said(row.first_day)
        if row.last_day != row.first_day:
            days = words("labels", "days", first=days, last=day_said(row.last_day))
        return words(
            "labels",
            "closure",
            days=days + (words("parts", row.part) if row.part else ""),
            who=doctor.name if doctor else words("labels", "everybody"),
            department=department.name if department else "",
        )


def _wanted(
    department: UUID, doctor: str, first: date, last: date, part: str, reason: str, substitute: str
) -> Wanted:
    """Raises 422 for what no form of ours sends."""
    try:
        return Wanted(
            department_id=department,
            practitioner_id=UUID(doctor) if doctor else None,
            substitute_id=UUID(substitute) if substitute else None,
            first_day=first,
            last_day=last,
            part=Part(part).value if part else None,
            reason=Reason(reason) if reason else Reason.OTHER,
        )
    except ValueError as error:
        raise HTTPException(422, words("errors", "not_a_form")) from error
