"""The routes of `/ops/systems`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse, Response

from care.access import service as access
from care.appointments.models import Appointment
from care.patients.identity import mask_name
from care.patients.models import Patient
from care.systems import conflicts, merging, overview, states
from care.systems.hl7.codes import Codes
from care.systems.models import SystemConflict, SystemMessage
from care.systems.overview import How
from care.systems.port import Checked, HospitalSystem
from care.systems.taking import Unusable
from store.clock import Clock
from store.database import Database
from web.security import csrf_protect
from web.shell import add_templates, render
from web.signin.models import Role, StaffUser
from web.signin.pages import require
from web.signin.staffing import names
from web.words import Words

add_templates("systems", Path(__file__).parents[1] / "templates")
words = Words(Path(__file__).parents[3] / "data" / "seed" / "system_words.yml")
Operator = Annotated[StaffUser, Depends(require(Role.OPERATOR, Role.NURSE))]
PAGE = "systems"
NOTE_LONGEST = 500


@dataclass(frozen=True, slots=True)
class SystemsDesk:
    """`system` None: our rows are the truth. `codes`: by which HL7 messages are read."""

    database: Database
    clock: Clock
    system: HospitalSystem | None
    codes: Codes


@dataclass(frozen=True, slots=True)
class Row:
    """A message or a conflict as shown: `name` masked, `start` of its appointment."""

    one: Any
    name: str
    start: datetime | None


def systems_router(desk: SystemsDesk) -> APIRouter:
    """The page, its buttons, and one message."""
    router = APIRouter(prefix="/ops/systems", include_in_schema=False, dependencies=[Depends(csrf_protect)])

    def show(request: Request, template: str, **values: Any) -> Response:
        said = words.known("said").get(request.query_params.get("said", ""), "")
        return render(
            request,
            f"systems/{template}",
            words=words,
            local=desk.clock.local,
            said=said,
            merges=merging.ASKS,
            **values,
        )

    @router.get("")
    async def page(request: Request, staff: Operator) -> Response:
        now = desk.clock.now()
        async with desk.database.write("systems page") as session:
            configured = desk.system.name if desk.system else None
            lines = await overview.lines(session, now, configured)
            troubles = await _rows(session, staff, await overview.troubles(session), now)
            disagreeing = await _rows(session, staff, await conflicts.unsettled(session), now)
            recent = await _rows(session, staff, await overview.recent(session), now)
        return show(
            request,
            "page.html",
            lines=lines,
            troubles=troubles,
            conflicts=disagreeing,
            recent=recent,
            configured=configured,
        )

    @router.post("/check")
    async def check(request: Request, _staff: Operator) -> Response:
        """Ask it now, whatever was known."""
        if desk.system is None:
            raise HTTPException(404)
        found: Checked = await desk.system.check()
        async with desk.database.write("system checked") as session:
            if found.problem:
                await states.failed(session, desk.system.name, found.problem, desk.clock.now())
            else:
                await states.answered(session, desk.system.name, desk.clock.now())
        return show(request, "checked.html", found=found)

    @router.get("/messages/{system_message_id}")
    async def message(request: Request, staff: Operator, system_message_id: UUID) -> Response:
        """What was said, word for word; into the audit trail as a reading of the patient's data."""
        now = desk.clock.now()
        async with desk.database.write("system message") as session:
            row = await session.get(SystemMessage, system_message_id)
            if row is None:
                raise HTTPException(404)
            [line] = await _rows(session, staff, [row], now, body_of=system_message_id)
            hidden = line.name == words("page", "patient_hidden")
            body = "" if hidden or row.body is None else json.dumps(row.body, ensure_ascii=False, indent=2)
            answer = "" if hidden else row.answer or ""
            by = (await names(session, [row.settled_by])).get(row.settled_by, "") if row.settled_by else ""
        return show(request, "message.html", line=line, body=body, answer=answer, by=by, hidden=hidden)

    @router.post("/messages/{system_message_id}/again")
    async def again(staff: Operator, system_message_id: UUID) -> Response:
        return await _done(
            "again",
            lambda session: overview.again(
                session, system_message_id, staff_id=staff.id, now=desk.clock.now()
            ),
        )

    @router.post("/messages/{system_message_id}/settle")
    async def settle(
        staff: Operator,
        system_message_id: UUID,
        how: Annotated[How, Form()],
        note: Annotated[str, Form(max_length=NOTE_LONGEST)] = "",
    ) -> Response:
        if not note.strip():
            return _back("note_needed")
        return await _done(
            "settled",
            lambda session: overview.settle(
                session, system_message_id, how, note.strip(), staff_id=staff.id, now=desk.clock.now()
            ),
        )

    @router.post("/messages/{system_message_id}/merge")
    async def merge(
        staff: Operator,
        system_message_id: UUID,
        note: Annotated[str, Form(max_length=NOTE_LONGEST)] = "",
    ) -> Response:
        """Somebody has looked: the two records are one person's."""
        if not note.strip():
            return _back("note_needed")
        try:
            return await _done(
                "merged",
                lambda session: merging.confirm(
                    session,
                    system_message_id,
                    note.strip(),
                    desk.codes,
                    staff_id=staff.id,
                    now=desk.clock.now(),
                ),
            )
        except Unusable as error:
            return _back(error.code if error.code in words.known("said") else "cannot")

    @router.post("/conflicts/{conflict_id}/seen")
    async def seen(
        staff: Operator, conflict_id: UUID, note: Annotated[str, Form(max_length=NOTE_LONGEST)] = ""
    ) -> Response:
        if not note.strip():
            return _back("note_needed")
        return await _done(
            "seen",
            lambda session: conflicts.settle(
                session, conflict_id, note.strip(), staff_id=staff.id, now=desk.clock.now()
            ),
        )

    async def _done(said: str, act: Callable[[AsyncSession], Awaitable[bool]]) -> Response:
        async with desk.database.write(f"systems {said}") as session:
            done = await act(session)
        return _back(said if done else "gone")

    return router


async def _rows(
    session: AsyncSession,
    staff: StaffUser,
    found: Iterable[SystemMessage | SystemConflict],
    now: datetime,
    body_of: UUID | None = None,
) -> list[Row]:
    """With masked names and times; who is not for this person's eyes stays unnamed, the others are noted as read.

    `body_of`: the message whose words are shown.
    """
    every = list(found)
    patients = {one.patient_id for one in every if one.patient_id is not None}
    known = {row.id: row for row in await session.scalars(select(Patient).where(Patient.id.in_(patients)))}
    secret = await access.hidden(session, staff.id, known.values(), now=now)
    shown = [one for one in known if one not in secret]
    if body_of is None:
        await access.seen(session, staff, shown, PAGE, now=now)
    else:
        await access.seen(session, staff, shown, PAGE, now=now, part="body", message=str(body_of))
    about = {_about(one) for one in every}
    starts = await session.execute(
        select(Appointment.id, Appointment.start).where(Appointment.id.in_([one for one in about if one]))
    )
    when: dict[UUID, datetime] = {row[0]: row[1] for row in starts}

    def name(patient_id: UUID | None) -> str:
        if patient_id is None or patient_id not in known:
            return words("page", "nobody")
        return words("page", "patient_hidden") if patient_id in secret else mask_name(known[patient_id].name)

    return [Row(one, name(one.patient_id), when.get(_about(one) or UUID(int=0))) for one in every]


def _about(one: SystemMessage | SystemConflict) -> UUID | None:
    return one.subject_id if isinstance(one, SystemMessage) else one.appointment_id


def _back(said: str) -> Response:
    return RedirectResponse(f"/ops/systems?said={said}", 303)
