"""What the clinics' pages share: their words, and names as far as they may be seen."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import HTTPException, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.access import service as access
from care.appointments import service
from care.appointments.limits import overlapping
from care.appointments.views import AppointmentView, SlotView
from care.desk.pages.desk import Desk, show
from care.hospital import service as hospital
from care.hospital.models import HealthcareService, Practitioner
from care.patients.models import Patient
from web.shell import add_templates, back_to
from web.signin.models import StaffUser
from web.words import Words

words = Words(Path(__file__).parents[3] / "data" / "seed" / "clinic_words.yml")
add_templates("clinics", Path(__file__).parents[1] / "templates")
PAGE = "clinics"
"""These pages in the audit trail."""


def page(desk: Desk, request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page of the clinics; `?said=` and `?refused=` in `clinic_words.yml`. What was not done (`warned`) never looks as if it was."""
    asked = request.query_params
    said = words.known("said").get(asked.get("said", ""), "")
    warned = words.known("warned").get(asked.get("said", ""), "")
    refused = words.known("refused").get(asked.get("refused", ""), "") or warned
    return show(
        desk, request, f"clinics/{template}", status, words=words, said=said, refused=refused, **values
    )


async def names(
    session: AsyncSession,
    staff: StaffUser,
    patients: Collection[Patient],
    desk: Desk,
    *,
    live: bool = False,
) -> dict[UUID, str]:
    """By patient; those that are not for this member of staff under a word. Recorded (`live`: a part that refreshes itself)."""
    now = desk.clock.now()
    hidden = await access.hidden(session, staff.id, patients, now=now)
    shown = [one.id for one in patients if one.id not in hidden]
    await access.seen(session, staff, shown, PAGE, now=now, live=live)
    return {one.id: words("labels", "confidential") if one.id in hidden else one.name for one in patients}


async def bookable(session: AsyncSession) -> list[HealthcareService]:
    return list(await hospital.departments(session, bookable=True))


async def department_of(session: AsyncSession, department_id: UUID) -> HealthcareService:
    """Raises 404."""
    found = await hospital.department(session, department_id)
    if found is None:
        raise HTTPException(404, words("errors", "no_department"))
    return found


async def doctor_of(session: AsyncSession, practitioner_id: UUID) -> Practitioner:
    """Raises 404."""
    found = await hospital.practitioner(session, practitioner_id)
    if found is None:
        raise HTTPException(404, words("errors", "no_doctor"))
    return found


def day_said(value: date) -> str:
    return words(
        "labels", "day", month=value.month, day=value.day, weekday=words("weekdays", value.weekday())
    )


async def patient_shown(session: AsyncSession, staff: StaffUser, patient_id: UUID, desk: Desk) -> str:
    """One patient's name, as far as it may be seen. Recorded."""
    patient = await session.get_one(Patient, patient_id)
    return (await names(session, staff, [patient], desk))[patient_id]


async def clash_with(
    session: AsyncSession, patient_id: UUID, wanted: SlotView, but: UUID | None
) -> AppointmentView | None:
    """What the patient has elsewhere at that time: staff are told, and may go on."""
    found = await overlapping(session, patient_id, wanted, but=but)
    return await service.get(session, found) if found is not None else None


def to_calendar(department_id: UUID, day: date, said: str) -> Response:
    """Back to the day something was done on."""
    return back_to("/desk/clinics/calendar", department=str(department_id), day=day.isoformat(), said=said)
