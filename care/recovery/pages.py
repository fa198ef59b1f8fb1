"""`/desk/recovery`: whom to call about a visit, by when, what to say, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse, Response

from care.access import service as access
from care.desk.models import DeskTask
from care.desk.pages.desk import Desk, Nurse, show
from care.patients.identity import mask_name
from care.patients.models import Patient
from care.recovery import service
from care.recovery.models import Outcome, RecoveryCase
from care.recovery.words import words
from web.security import csrf_protect
from web.shell import add_templates
from web.signin.staffing import names

add_templates("recovery", Path(__file__).parent / "templates")
PAGE = "recovery"


@dataclass(frozen=True, slots=True)
class Line:
    """A case as shown. `text` (department, score, comment, script) is empty for who may not see the patient."""

    case: RecoveryCase
    name: str
    text: str
    owner: str
    late: bool


def recovery_router(desk: Desk) -> APIRouter:
    """The list and its two buttons."""
    router = APIRouter(prefix="/desk/recovery", include_in_schema=False, dependencies=[Depends(csrf_protect)])

    @router.get("")
    async def listed(request: Request, staff: Nurse) -> Response:
        now = desk.clock.now()
        async with desk.database.write("recovery cases") as session:
            cases = await service.open_cases(session)
            found = {one.id: one for one in await _patients(session, cases)}
            secret = await access.hidden(session, staff.id, found.values(), now=now)
            await access.seen(session, staff, [one for one in found if one not in secret], PAGE, now=now)
            tasks = await session.scalars(select(DeskTask).where(DeskTask.id.in_([c.task_id for c in cases])))
            texts = {task.id: task.note or "" for task in tasks}
            owners = await names(session, [one.owner_id for one in cases])
        lines = [
            Line(
                case,
                _name(found.get(case.patient_id) if case.patient_id else None, case, secret),
                "" if case.patient_id in secret else texts.get(case.task_id, ""),
                owners.get(case.owner_id, ""),
                case.due_at < now,
            )
            for case in cases
        ]
        said = words.known("said").get(request.query_params.get("said", ""), "")
        return show(desk, request, "recovery/list.html", lines=lines, words=words, said=said)

    @router.post("/{case_id}/take")
    async def take(staff: Nurse, case_id: UUID) -> Response:
        async with desk.database.write("recovery take") as session:
            mine = await service.take(session, case_id, staff_id=staff.id, now=desk.clock.now())
        return _back("taken" if mine else "held")

    @router.post("/{case_id}/close")
    async def close(
        staff: Nurse,
        case_id: UUID,
        outcome: Annotated[Outcome, Form()],
        note: Annotated[str, Form(max_length=500)] = "",
    ) -> Response:
        async with desk.database.write("recovery close") as session:
            done = await service.close(
                session, case_id, outcome, note.strip(), staff_id=staff.id, now=desk.clock.now()
            )
        return _back("closed" if done else "gone")

    return router


async def _patients(session: AsyncSession, cases: Sequence[RecoveryCase]) -> list[Patient]:
    ids = {case.patient_id for case in cases if case.patient_id is not None}
    return list(await session.scalars(select(Patient).where(Patient.id.in_(ids))))


def _name(patient: Patient | None, case: RecoveryCase, secret: frozenset[UUID]) -> str:
    if patient is None:
        return words("page", "unknown")
    return words("page", "hidden") if case.patient_id in secret else mask_name(patient.name)


def _back(said: str) -> Response:
    return RedirectResponse(f"/desk/recovery?said={said}", 303)
