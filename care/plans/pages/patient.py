"""The part 随访计划 of `/desk/patients/{id}`: plans and touches, moved, skipped, taken back; enrolled, held and ended by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.access import service as access
from care.patients.pages.desk import PAGE, PatientDesk, Reader, record_of
from care.plans import publishing, service
from care.plans.editor.desk import words
from care.plans.errors import PlanError
from care.plans.errors import words as plan_words
from care.plans.models import CarePlan, Touch
from care.plans.pages.showing import enrolled, together
from web.security import csrf_protect
from web.shell import add_templates, render
from web.signin.models import StaffUser

add_templates("plans", Path(__file__).parent / "templates")

ENDINGS = ("staff", "refused", "patient", "transferred", "readmitted")
"""Why a person ends a plan: codes of `plan_words.yml`."""
Change = Callable[[AsyncSession], Awaitable[str]]


def patient_router(desk: PatientDesk) -> APIRouter:
    """Under `/desk/patients/{id}/plans`; every answer is the part, to be put in its place."""
    router = APIRouter(
        prefix="/desk/patients/{patient_id}/plans",
        include_in_schema=False,
        dependencies=[Depends(csrf_protect)],
    )

    async def part(
        request: Request, staff: StaffUser, patient_id: UUID, change: Change | None = None
    ) -> Response:
        """The part as it is after `change`, which says what was done; what it refuses is said and changes nothing."""
        done = problem = ""
        if change is not None:
            try:
                async with record_of(desk, staff, patient_id, "a patient's plans") as (session, _):
                    done = await change(session)
            except PlanError as error:
                problem = str(error)
        async with record_of(desk, staff, patient_id, "a patient's plans") as (session, patient):
            found = await enrolled(session, patient.id, desk.clock)
            running = await publishing.running(session)
            await access.seen(
                session, staff, [patient.id], PAGE, now=desk.clock.now(), live=True, part="plans"
            )
        inside = {one.row.plan for one in found if one.live}
        return render(
            request,
            "plans/patient.html",
            here=f"/desk/patients/{patient_id}/plans",
            found=found,
            together=together(found, desk.clock),
            offered=[(name, plan.title) for name, plan in running.items() if name not in inside],
            endings=ENDINGS,
            today=desk.today,
            words=words,
            plan_words=plan_words(),
            local=desk.clock.local,
            done=words("patient", done) if done else "",
            problem=problem,
        )

    @router.get("")
    async def plans(request: Request, staff: Reader, patient_id: UUID) -> Response:
        return await part(request, staff, patient_id)

    @router.post("/enrol")
    async def enrol(
        request: Request,
        staff: Reader,
        patient_id: UUID,
        plan: Annotated[str, Form(max_length=60)],
        day: Annotated[date, Form()],
    ) -> Response:
        async def change(session: AsyncSession) -> str:
            now = desk.clock.now()
            _, new = await service.enrol(
                session, plan, patient_id, anchor_date=day, source="nurse", now=now, by=staff.id
            )
            return "enrolled" if new else "enrolled_already"

        return await part(request, staff, patient_id, change)

    @router.post("/{care_plan_id}/{act}")
    async def act(
        request: Request,
        staff: Reader,
        patient_id: UUID,
        care_plan_id: UUID,
        act: Literal["hold", "resume", "end"],
        reason: Annotated[str, Form(max_length=20)] = "",
    ) -> Response:
        async def change(session: AsyncSession) -> str:
            row = await session.get(CarePlan, care_plan_id)
            if row is None or row.patient_id != patient_id:
                raise HTTPException(404)
            now = desk.clock.now()
            if act == "hold":
                done = await service.hold(session, care_plan_id, now, by=staff.id)
            elif act == "resume":
                done = await service.resume(session, care_plan_id, now, by=staff.id)
            elif reason not in ENDINGS:
                raise HTTPException(422)
            else:
                done = await service.end(session, care_plan_id, reason, now, by=staff.id)
            return act if done else "no_change"

        return await part(request, staff, patient_id, change)

    @router.post("/touches/{touch_id}/{act}")
    async def touch(
        request: Request,
        staff: Reader,
        patient_id: UUID,
        touch_id: UUID,
        act: Literal["move", "skip", "undo"],
        day: Annotated[date | None, Form()] = None,
    ) -> Response:
        async def change(session: AsyncSession) -> str:
            row = await session.get(Touch, touch_id)
            if row is None or row.patient_id != patient_id:
                raise HTTPException(404)
            now = desk.clock.now()
            if act == "skip":
                await service.skip(session, touch_id, now, by=staff.id)
            elif act == "undo":
                await service.undo(session, touch_id, now, by=staff.id)
            elif day is None:
                raise HTTPException(422)
            else:
                to = service.on_day(day, row.planned_for)
                await service.move(session, touch_id, to, now, by=staff.id)
            return act

        return await part(request, staff, patient_id, change)

    return router
