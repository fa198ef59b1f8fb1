"""`/desk/patients/{id}/reminders`: what a patient is reminded of, and a nurse's proposals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.access import service as access
from care.desk.pages.desk import show
from care.patients.models import Patient
from care.patients.pages.desk import PatientDesk, Reader, note, record_of
from care.reach import talks
from care.reminders import service
from care.reminders.models import Reminder, ReminderKind
from web.security import csrf_protect
from web.shell import add_templates, back_to
from web.signin.staffing import names
from web.words import Words

add_templates("reminders", Path(__file__).parent / "templates")
words = Words(Path(__file__).parents[2] / "data" / "seed" / "reminder_words.yml")
PAGE = "reminders"
"""The code of this page in the audit trail."""
Days = Literal["7", "14", "30", "90"]
Offer = Callable[[AsyncSession, Reminder, Patient, datetime], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the form said. Empty fields are no times."""

    kind: ReminderKind
    times: tuple[time, ...]
    days: Days


def _wanted(
    kind: Annotated[ReminderKind, Form()],
    days: Annotated[Days, Form()] = "30",
    times: Annotated[list[str], Form()] = [],  # noqa: B006  FastAPI copies it
) -> Wanted:
    return Wanted(kind, tuple(found for one in times[:8] if (found := _time(one)) is not None), days)


def _time(text: str) -> time | None:
    try:
        return time.fromisoformat(text)
    except ValueError:
        return None


def reminders_router(desk: PatientDesk, offer: Offer) -> APIRouter:
    """The page and its two buttons."""
    prefix = "/desk/patients/{patient_id}/reminders"
    router = APIRouter(prefix=prefix, include_in_schema=False, dependencies=[Depends(csrf_protect)])

    @router.get("")
    async def listed(request: Request, staff: Reader, patient_id: UUID) -> Response:
        return await page(request, staff, patient_id)

    async def page(
        request: Request, staff: Reader, patient_id: UUID, wrong: str = "", typed: Wanted | None = None
    ) -> Response:
        async with record_of(desk, staff, patient_id, "reminders") as (session, patient):
            await access.seen(session, staff, [patient.id], PAGE, now=desk.clock.now())
            rows = await service.of_patient(session, patient.id)
            by = await names(session, [one.set_by for one in rows])
        return show(
            desk,
            request,
            "reminders/page.html",
            422 if wrong else 200,
            words=words,
            patient=patient,
            rows=rows,
            by=by,
            kinds=words.known("kinds"),
            days=words.known("days"),
            wrong=words("wrong", wrong) if wrong else "",
            typed=typed,
            said=words.known("said").get(request.query_params.get("said", ""), ""),
        )

    @router.post("")
    async def propose(
        request: Request, staff: Reader, patient_id: UUID, wanted: Annotated[Wanted, Depends(_wanted)]
    ) -> Response:
        now = desk.clock.now()
        kept, moved = service.fitting(wanted.times)
        if not kept or moved:
            return await page(request, staff, patient_id, "hours" if kept else "no_times", wanted)
        async with record_of(desk, staff, patient_id, "propose a reminder") as (session, patient):
            talk = await talks.of_patient(session, patient.id)
            if talk is not None:
                row = await service.propose(
                    session,
                    patient.id,
                    talk.id,
                    wanted.kind,
                    kept,
                    clock=desk.clock,
                    set_by=staff.id,
                    ends_on=desk.clock.local().date() + timedelta(days=int(wanted.days)),
                )
                await offer(session, row, patient, now)
                note(session, desk, staff, patient.id, "reminder_offered", kind=wanted.kind.value)
        if talk is None:
            return await page(request, staff, patient_id, "nobody", wanted)
        return back_to(f"/desk/patients/{patient_id}/reminders", said="offered")

    @router.post("/{reminder_id}/stop")
    async def stop(staff: Reader, patient_id: UUID, reminder_id: UUID) -> Response:
        async with record_of(desk, staff, patient_id, "stop a reminder") as (session, patient):
            mine = [one.id for one in await service.of_patient(session, patient.id) if one.id == reminder_id]
            done = bool(mine) and await service.stop(session, mine, desk.clock.now()) > 0
            if done:
                note(session, desk, staff, patient.id, "reminder_stopped")
        return back_to(f"/desk/patients/{patient_id}/reminders", said="stopped" if done else "gone")

    return router
