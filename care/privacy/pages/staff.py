"""`/desk/privacy`: requests by the day they must be answered; what a deletion does is shown before it is done.

Nurses and doctors read: patients ask them. Operators (and the administrator) decide: deleting cannot be undone, so whoever cares for
a patient, and may have an interest in what is on record, is not who deletes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse, Response

from care.access import service as access
from care.desk.pages.desk import Desk, show
from care.patients.identity import mask_name
from care.patients.models import Patient
from care.privacy import deciding, deletion, requests
from care.privacy.holdings import book, whose
from care.privacy.models import PrivacyRequest, RequestKind, RequestStatus
from care.privacy.words import words
from web.security import csrf_protect
from web.signin.access import require
from web.signin.models import Role, StaffUser
from web.signin.staffing import names

READERS = (Role.NURSE, Role.DOCTOR, Role.OPERATOR)
Reader = Annotated[StaffUser, Depends(require(*READERS))]
Decider = Annotated[StaffUser, Depends(require(Role.OPERATOR))]
Answer = Annotated[str, Form(max_length=500)]
PAGE = "privacy"
OPEN = (RequestStatus.WAITING, RequestStatus.MAKING)
SOON = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Line:
    """A request as the list shows it. `name`: masked; empty where nobody is bound. `urgency`: late, today or empty."""

    request: PrivacyRequest
    name: str
    urgency: str


def privacy_router(desk: Desk) -> APIRouter:
    """The list, one request, and the three decisions."""
    router = APIRouter(prefix="/desk/privacy", include_in_schema=False, dependencies=[Depends(csrf_protect)])

    @router.get("")
    async def listed(request: Request, staff: Reader) -> Response:
        now = desk.clock.now()
        async with desk.database.write("privacy requests") as session:
            rows = await requests.listed(session)
            called = await _called(session, staff, rows)
            await access.seen(
                session, staff, [row.patient_id for row in rows if row.patient_id], PAGE, now=now
            )
        lines = [Line(row, called.get(row.patient_id, ""), _urgency(row)) for row in rows]
        return show(desk, request, "privacy/list.html", lines=lines, **_shared(request, staff))

    def _urgency(row: PrivacyRequest) -> str:
        left = row.answer_by - desk.clock.now()
        if row.status not in OPEN or left > SOON:
            return ""
        return "late" if left < timedelta(0) else "today"

    @router.get("/{request_id}")
    async def one(request: Request, staff: Reader, request_id: UUID) -> Response:
        return await _page(request, staff, request_id)

    async def _page(
        request: Request,
        staff: StaffUser,
        request_id: UUID,
        status: int = 200,
        problem: str = "",
        typed: str = "",
    ) -> Response:
        now = desk.clock.now()
        async with desk.database.write("privacy request") as session:
            row = await session.get(PrivacyRequest, request_id)
            if row is None:
                raise HTTPException(404)
            patient = await session.get(Patient, row.patient_id) if row.patient_id else None
            allowed = patient is None or await access.may_see(session, staff, patient, now=now)
            if patient is not None:
                await access.seen(session, staff, [patient.id], PAGE, now=now, refused=not allowed)
            who = await whose(session, row.contact_id, desk.clock.local().date())
            asks_deletion = row.kind == RequestKind.DELETION and row.status == RequestStatus.WAITING
            planned = await deletion.plan(session, who) if asks_deletion else None
            called = await _called(session, staff, [row])
            by = await names(session, [row.decided_by])
        return show(
            desk,
            request,
            "privacy/one.html",
            status,
            row=row,
            name=called.get(row.patient_id, ""),
            own_words=(row.said or "") if allowed else "",
            planned=planned,
            laws=book().laws,
            by=by.get(row.decided_by, ""),
            problem=problem,
            typed=typed,
            **_shared(request, staff),
        )

    async def _called(
        session: AsyncSession, staff: StaffUser, rows: Sequence[PrivacyRequest]
    ) -> dict[UUID | None, str]:
        ids = {row.patient_id for row in rows if row.patient_id}
        found = (await session.scalars(select(Patient).where(Patient.id.in_(ids)))).all()
        secret = await access.hidden(session, staff.id, found, now=desk.clock.now())
        return {one.id: words("desk", "hidden") if one.id in secret else mask_name(one.name) for one in found}

    @router.post("/{request_id}/delete")
    async def delete(request: Request, staff: Decider, request_id: UUID, checked: str = Form("")) -> Response:
        if checked != "1":
            return await _page(request, staff, request_id, 422, words("said", "check_needed"))

        async def work(session: AsyncSession) -> deciding.Decision:
            today = desk.clock.local().date()
            return await deciding.delete_it(
                session, request_id, staff_id=staff.id, now=desk.clock.now(), today=today
            )

        return _back(request_id, await desk.database.transact(work, "privacy delete"))

    @router.post("/{request_id}/correct")
    async def correct(request: Request, staff: Decider, request_id: UUID, answer: Answer = "") -> Response:
        if not answer.strip():
            return await _page(request, staff, request_id, 422, words("said", "reason_needed"))

        async def work(session: AsyncSession) -> deciding.Decision:
            return await deciding.correct_it(
                session, request_id, staff_id=staff.id, answer=answer.strip(), now=desk.clock.now()
            )

        return _back(request_id, await desk.database.transact(work, "privacy correct"))

    @router.post("/{request_id}/refuse")
    async def refuse(request: Request, staff: Decider, request_id: UUID, answer: Answer = "") -> Response:
        if not answer.strip():
            return await _page(request, staff, request_id, 422, words("said", "reason_needed"))

        async def work(session: AsyncSession) -> deciding.Decision:
            return await deciding.refuse_it(
                session, request_id, staff_id=staff.id, answer=answer.strip(), now=desk.clock.now()
            )

        return _back(request_id, await desk.database.transact(work, "privacy refuse"))

    return router


def _shared(request: Request, staff: StaffUser) -> dict[str, Any]:
    said = request.query_params.get("said", "")
    return {
        "words": words,
        "kinds": book().kinds,
        "decides": bool({Role.OPERATOR, Role.ADMIN} & set(staff.roles)),
        "said": words("said", said) if said in words.known("said") else "",
    }


def _back(request_id: UUID, said: str) -> Response:
    return RedirectResponse(f"/desk/privacy/{request_id}?said={said}", 303)
