"""`/desk/calls`: whom to ring today, what to say, how it went."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.access import service as access
from care.desk import service as tasks
from care.desk.due import soon
from care.desk.models import TaskKind
from care.desk.pages.desk import Desk, Nurse, show
from care.desk.pages.tools import colleagues
from care.followup import calling, listing, service
from care.followup.calling import Redial
from care.followup.listing import Filters, Show
from care.followup.models import CallOutcome, FollowUpCall
from care.followup.scripts import words
from care.patients import service as patients
from care.patients.models import Patient
from care.questionnaires import responses
from web.security import csrf_protect
from web.shell import add_templates, back_to
from web.signin.cookies import POLL_HEADER
from web.signin.models import StaffUser
from web.signin.staffing import names
from web.words import query_of

add_templates("followup", Path(__file__).parent / "templates")
PAGE = "calls"
"""The code of these pages in the audit trail."""
HOME = "/desk/calls"
NOTE = 500
"""Characters a note may have."""
Note = Annotated[str, Form(max_length=NOTE)]


@dataclass(frozen=True, slots=True)
class CallDesk(Desk):
    """`hospital`: its name, for the scripts."""

    hospital: str
    redial: Redial

    @property
    def midnight(self) -> datetime:
        """When today began, aware."""
        today = self.clock.local().date()
        return self.clock.to_utc(datetime.combine(today, time()))


def _filters(
    show: Annotated[Show, Query()] = "today", plan: Annotated[str, Query(max_length=140)] = ""
) -> Filters:
    return Filters(show, plan)


def calls_router(desk: CallDesk) -> APIRouter:
    """The list, its print, and the buttons of each call."""
    router = APIRouter(prefix=HOME, include_in_schema=False, dependencies=[Depends(csrf_protect)])

    async def listed(
        request: Request, staff: StaffUser, filters: Filters, template: str, status: int = 200, kept: str = ""
    ) -> Response:
        """`kept`: a note that could not be written down; `status` is then 409."""
        now, today = desk.clock.now(), desk.clock.local().date()
        async with desk.database.write("calls") as session:
            lines = await listing.lines(
                session,
                staff,
                filters,
                today=today,
                now=now,
                midnight=desk.midnight,
                hospital=desk.hospital,
            )
            shown = [one.patient.id for one in lines if not one.hidden]
            await access.seen(session, staff, shown, PAGE, now=now, live=POLL_HEADER in request.headers)
            people = [one.call.owner_id for one in lines] + [
                who for one in lines for step in one.steps for who in (step.by, step.to)
            ]
            values: dict[str, Any] = {
                "lines": lines,
                "day": await listing.day(session, today, now, desk.midnight),
                "plans": await listing.plans(session),
                "names": await names(session, people),
                "colleagues": await colleagues(session, staff.id),
            }
        said = words.known("said").get(request.query_params.get("said", ""), "")
        refused = words.known("refused").get("held" if kept else request.query_params.get("said", ""), "")
        return show(
            desk,
            request,
            f"followup/{template}",
            status,
            kept=kept,
            words=words,
            filters=filters,
            query_of=query_of,
            me=staff,
            now=now,
            hospital=desk.hospital,
            outcomes=words.known("outcomes"),
            said=said,
            refused=refused,
            undo=request.query_params.get("undo", "") if said else "",
            **values,
        )

    async def held(request: Request, staff: StaffUser, call_id: UUID, note: str) -> Response:
        """A colleague has it, or it is over: nothing changed, and what was written is shown again."""
        if not note:
            return _back(call_id, "held")
        return await listed(request, staff, Filters(), "calls.html", 409, note)

    @router.get("")
    async def everything(
        request: Request, staff: Nurse, filters: Annotated[Filters, Depends(_filters)]
    ) -> Response:
        return await listed(request, staff, filters, "calls.html")

    @router.get("/print")
    async def printed(
        request: Request, staff: Nurse, filters: Annotated[Filters, Depends(_filters)]
    ) -> Response:
        return await listed(request, staff, filters, "print.html")

    @router.post("/{call_id}/take")
    async def take(staff: Nurse, call_id: UUID) -> Response:
        async with _call(desk, staff, call_id, "take call") as (session, _, _):
            mine = await calling.take(session, call_id, staff.id, desk.clock.now())
        return _back(call_id, "taken" if mine else "held")

    @router.post("/{call_id}/give")
    async def give(
        request: Request, staff: Nurse, call_id: UUID, to: Annotated[str, Form()] = "", note: Note = ""
    ) -> Response:
        now = desk.clock.now()
        async with _call(desk, staff, call_id, "hand over call") as (session, _, patient):
            whom = next((one for one in await colleagues(session, staff.id) if str(one.id) == to), None)
            if to and (whom is None or not await access.may_see(session, whom, patient, now=now)):
                return _back(call_id, "nobody")
            receiver = whom.id if whom else None
            done = await calling.give(session, call_id, receiver, note.strip(), by=staff.id, now=now)
        if not done:
            return await held(request, staff, call_id, note.strip())
        return _back(call_id, "passed" if to else "back")

    @router.post("/{call_id}/ask")
    async def ask(staff: Nurse, call_id: UUID) -> Response:
        """The questionnaire on the phone page: the one that is open already, or a new one that is not sent out."""
        now = desk.clock.now()
        async with _call(desk, staff, call_id, "ask by phone") as (session, call, patient):
            if not await calling.take(session, call_id, staff.id, now) and call.response_id is None:
                return _back(call_id, "held")
            response_id = call.response_id or await _response(session, call, patient.id, now)
            call.response_id = response_id
        if response_id is None:
            return _back(call_id, "no_form")
        return back_to(f"/desk/questionnaires/{response_id}/phone")

    @router.post("/{call_id}/ended")
    async def ended(
        request: Request,
        staff: Nurse,
        call_id: UUID,
        outcome: Annotated[str, Form()] = "",
        note: Note = "",
        doctor: Annotated[str, Form()] = "",
    ) -> Response:
        if outcome not in set(CallOutcome):
            return _back(call_id, "choose")
        how, text = CallOutcome(outcome), note.strip()
        async with _call(desk, staff, call_id, "call ended") as (session, _, patient):
            done = await calling.ended(
                session, call_id, how, text, by=staff.id, clock=desk.clock, redial=desk.redial
            )
            if done and doctor and how is CallOutcome.CONNECTED:
                now = desk.clock.now()
                await tasks.open_task(
                    session,
                    TaskKind.CALL,
                    dedup_key=f"call:doctor:{call_id}",
                    now=now,
                    due_at=soon(TaskKind.CALL, now),
                    note=words("acts", "ask_doctor", note=text),
                    patient_id=patient.id,
                )
        return _back(call_id, outcome, undo=True) if done else await held(request, staff, call_id, text)

    @router.post("/{call_id}/undo")
    async def undo(staff: Nurse, call_id: UUID) -> Response:
        async with _call(desk, staff, call_id, "undo call") as (session, _, _):
            done = await calling.undo(session, call_id, by=staff.id, now=desk.clock.now())
        return _back(call_id, "undone" if done else "late")

    return router


@asynccontextmanager
async def _call(
    desk: CallDesk, staff: StaffUser, call_id: UUID, doing: str
) -> AsyncIterator[tuple[AsyncSession, FollowUpCall, Patient]]:
    """A transaction around one call whose patient the member of staff may see. 404: there is none; 403, and kept: not theirs."""
    now, refused = desk.clock.now(), False
    async with desk.database.write(doing) as session:
        call = await service.get(session, call_id)
        patient = await patients.get(session, call.patient_id) if call is not None else None
        if call is None or patient is None:
            raise HTTPException(404)
        refused = not await access.may_see(session, staff, patient, now=now)
        await access.seen(session, staff, [patient.id], PAGE, now=now, live=True, refused=refused)
        if not refused:
            yield session, call, patient
    if refused:
        raise HTTPException(403, words("page", "hidden_why"))


async def _response(
    session: AsyncSession, call: FollowUpCall, patient_id: UUID, now: datetime
) -> UUID | None:
    for one in await responses.open_of(session, patient_id):
        if one.name == call.questionnaire:
            return one.id
    made = await responses.assign(
        session,
        call.questionnaire or "",
        patient_id=patient_id,
        now=now,
        source="call",
        key=f"call:{call.id}",
    )
    if made is None:
        return None
    made.due_at = None  # asked on the phone: nothing is sent
    return made.id


def _back(call_id: UUID, said: str, *, undo: bool = False) -> Response:
    return back_to(HOME, said=said, **({"undo": str(call_id)} if undo else {}))
