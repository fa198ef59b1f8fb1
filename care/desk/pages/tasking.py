"""`/desk/tasks`: what people have to do, by when it is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.access import service as access
from care.desk import talks, tasks
from care.desk.models import CallOutcome, DeskTask, TaskKind
from care.desk.pages.desk import Nurse, words
from care.desk.pages.tools import Tools, names_of, page
from care.desk.tasks import TaskFilters
from care.patients.models import Patient
from channels.contacts.models import Contact
from store import audit
from web.shell import back_to
from web.signin.models import StaffUser
from web.words import query_of

PATH = "/desk/tasks"
REMARK_LONGEST = 500
Show = Literal["open", "mine", "done"]
Remark = Annotated[str, Form(max_length=REMARK_LONGEST)]
ELSEWHERE = frozenset({TaskKind.ALERT, TaskKind.HUMAN_REQUEST})
"""Done where they are about: an alert is closed on the alerts' page, a request for a person in its conversation."""


@dataclass(frozen=True, slots=True)
class Line:
    """A task in the list. `hidden`: about a confidential patient who is not in the reader's charge. `message_id`: the outbound
    message it is about, for the operators' page."""

    task: DeskTask
    contact: Contact | None
    people: tuple[talks.Spoken, ...]
    patient: Patient | None
    hidden: bool
    message_id: str
    who: str

    @property
    def elsewhere(self) -> bool:
        return self.task.kind in ELSEWHERE


async def lines_of(
    session: AsyncSession, staff: StaffUser, found: Sequence[DeskTask], now: datetime
) -> list[Line]:
    """The tasks with whom they are about; who is shown is recorded."""
    contact_ids = {one.contact_id for one in found if one.contact_id is not None}
    contacts = {
        one.id: one for one in await session.scalars(select(Contact).where(Contact.id.in_(contact_ids)))
    }
    spoken = await talks.spoken_for(session, list(contact_ids))
    patient_ids = {one.patient_id for one in found if one.patient_id is not None}
    named = {one.id: one for one in await session.scalars(select(Patient).where(Patient.id.in_(patient_ids)))}
    everybody = {**named, **{one.patient.id: one.patient for group in spoken.values() for one in group}}
    hidden = await access.hidden(session, staff.id, everybody.values(), now=now)
    names = await names_of(session, [one.assigned_to for one in found])
    lines = []
    for task in found:
        patient = named.get(task.patient_id) if task.patient_id is not None else None
        people = tuple(spoken.get(task.contact_id, ())) if task.contact_id is not None else ()
        about = [patient] if patient is not None else [one.patient for one in people]
        lines.append(
            Line(
                task,
                contacts.get(task.contact_id) if task.contact_id is not None else None,
                people,
                patient,
                any(one.id in hidden for one in about),
                _message(task.dedup_key),
                names[task.assigned_to] if task.assigned_to is not None else "",
            )
        )
    shown = [
        one.id
        for line in lines
        if not line.hidden
        for one in ([line.patient] if line.patient is not None else [s.patient for s in line.people])
    ]
    await access.seen(session, staff, shown, "tasks", now=now, live=True)
    return lines


def _message(dedup_key: str) -> str:
    kind, _, rest = dedup_key.partition(":")
    try:
        return str(UUID(rest)) if kind in ("uncertain", "call") else ""
    except ValueError:
        return ""


def _filters(
    show: Annotated[Show, Query()] = "open", kind: Annotated[str, Query(max_length=20)] = ""
) -> TaskFilters:
    return TaskFilters(show, kind if kind in words.known("kinds") else "")


def add_routes(router: APIRouter, tools: Tools) -> None:
    """The list, its live part, and the buttons of each task."""
    desk = tools.desk

    async def part(request: Request, staff: StaffUser, filters: TaskFilters, template: str) -> Response:
        now = tools.clock.now()
        async with desk.database.write("desk tasks") as session:
            found = await tasks.find_tasks(session, filters, staff.id, now)
            lines = await lines_of(session, staff, found, now)
        return page(
            tools,
            request,
            staff,
            template,
            lines=lines,
            filters=filters,
            query_of=query_of,
            outcomes=CallOutcome,
        )

    @router.get("/tasks")
    async def everything(
        request: Request, staff: Nurse, filters: Annotated[TaskFilters, Depends(_filters)]
    ) -> Response:
        return await part(request, staff, filters, "tasks.html")

    @router.get("/tasks/list")
    async def live(
        request: Request, staff: Nurse, filters: Annotated[TaskFilters, Depends(_filters)]
    ) -> Response:
        return await part(request, staff, filters, "task_list.html")

    async def own(session: AsyncSession, task_id: UUID, staff: StaffUser) -> DeskTask:
        """The task, if it is done here and its patient is for this reader to know of."""
        task = await session.get(DeskTask, task_id)
        if task is None:
            raise HTTPException(404)
        [line] = await lines_of(session, staff, [task], tools.clock.now())
        if line.elsewhere:
            raise HTTPException(409, words("problems", "elsewhere_done"))
        _note(session, staff, task_id)
        return task

    def _note(session: AsyncSession, staff: StaffUser, task_id: UUID) -> None:
        audit.record(
            session,
            actor=f"staff:{staff.id}",
            action="task.act",
            subject=audit.subject_of("task", task_id),
            at=tools.clock.now(),
        )

    @router.post("/tasks/{task_id}/take")
    async def take(staff: Nurse, task_id: UUID) -> Response:
        async with desk.database.write("take task") as session:
            await own(session, task_id, staff)
            done = await tasks.take_task(session, task_id, staff_id=staff.id)
        return back_to(PATH, said="task_taken" if done else "task_gone")

    @router.post("/tasks/{task_id}/done")
    async def finish(staff: Nurse, task_id: UUID, text: Remark = "") -> Response:
        async with desk.database.write("finish task") as session:
            await own(session, task_id, staff)
            await tasks.remark(session, task_id, text)
            done = await tasks.finish_task(session, task_id, staff_id=staff.id, now=tools.clock.now())
        return back_to(PATH, said="task_done", undo=str(task_id)) if done else back_to(PATH, said="task_gone")

    @router.post("/tasks/{task_id}/undo")
    async def undo(staff: Nurse, task_id: UUID) -> Response:
        async with desk.database.write("undo task") as session:
            await own(session, task_id, staff)
            done = await tasks.undo_task(session, task_id)
        return back_to(PATH, said="task_undone" if done else "task_gone")

    @router.post("/tasks/{task_id}/note")
    async def note(staff: Nurse, task_id: UUID, text: Remark = "") -> Response:
        async with desk.database.write("remark on task") as session:
            await own(session, task_id, staff)
            done = await tasks.remark(session, task_id, text)
        return back_to(PATH, said="noted" if done else "no_words")

    @router.post("/tasks/{task_id}/called")
    async def called(
        staff: Nurse, task_id: UUID, outcome: Annotated[CallOutcome, Form()], text: Remark = ""
    ) -> Response:
        now = tools.clock.now()
        async with desk.database.write("called") as session:
            await own(session, task_id, staff)
            await tasks.remark(session, task_id, text)
            done = await tasks.called(session, task_id, outcome, staff_id=staff.id, now=now)
        return (
            back_to(PATH, said=f"called_{outcome}", undo=str(task_id))
            if done
            else back_to(PATH, said="task_gone")
        )
